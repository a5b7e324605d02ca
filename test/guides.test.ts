/**
 * The guides: each block of code stands, line by line, in a file that the tests run.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BLOCK = /```(?:ts|js|nginx)\n(?:\/\/|#) (\S+)\n([\s\S]*?)```/g
/** What a tool's getting-started says, and what stands there instead. */
const DIFFERENCE = /```diff\n# (\S+)\n([\s\S]*?)```/g
/** Where the line stands that is the same for all tools. */
const COMMON = 'examples/transactions/with-joining-pool.ts'
const MOST_ADDED = 3
/** Guides whose code is there to be copied as it is. */
const COPIED = ['recipes.md', 'migrate.md']
const ANY_BLOCK = /```(?:ts|js|nginx)\n/g

/** What differs where a formatter breaks a line is not code. */
function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, '').replaceAll(',)', ')')
}

function missingIn(guide: string): string[] {
  return [...guide.matchAll(BLOCK)].flatMap(([, path = '', code = '']) => {
    const file = join(ROOT, path)
    if (!existsSync(file)) return [`${path} does not exist`]
    return squeezed(readFileSync(file, 'utf8')).includes(squeezed(code)) ? [] : [code]
  })
}

/** Blocks of a guide that are to be copied, and are not the whole of their file. */
function partsIn(guide: string): string[] {
  return [...guide.matchAll(BLOCK)].flatMap(([, path = '', code = '']) => {
    const file = readFileSync(join(ROOT, path), 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\n/, '')
    return squeezed(file) === squeezed(code) ? [] : [path]
  })
}

/** Rows of a table with a last column "test" that name none, or one whose title says otherwise. */
function unprovenIn(guide: string): string[] {
  const tables = guide.match(/^\|.* test \|\n\|[-|]+\n(?:\|.*\n)+/gm) ?? []
  return tables
    .flatMap(table => table.trim().split('\n').slice(2))
    .flatMap(row => {
      const cells = row.slice(2, -2).split(' | ')
      const proof = cells.at(-1) ?? ''
      if (proof === '-') return /^(?:\*\*)?nothing/i.test(cells.at(-2) ?? '') ? [] : [row]
      const named = [...proof.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g)]
      const wrong = named.filter(([, title = '', path = '']) => {
        return path.endsWith('.test.ts') && !readFileSync(join(ROOT, path), 'utf8').includes(title)
      })
      return named.length === 0 ? [row] : wrong.map(([link]) => link)
    })
}

function oneLine(text: string): string {
  return squeezed(text).replaceAll(',}', '}')
}

function addedIn(code: string): string[] {
  return code.split('\n').flatMap(line => (line.startsWith('+') ? [line.slice(1)] : []))
}

function wrongDifferencesIn(guide: string): string[] {
  return [...guide.matchAll(DIFFERENCE)].flatMap(([, path = '', code = '']) => {
    const added = addedIn(code)
    const texts = [path, COMMON].map(each => oneLine(readFileSync(join(ROOT, each), 'utf8')))
    const isThere = (line: string) => texts.some(text => text.includes(oneLine(line)))
    const missing = added.filter(line => !isThere(line)).map(line => `${path} lacks ${line}`)
    return added.length <= MOST_ADDED ? missing : [...missing, `${path} adds ${added.length} lines`]
  })
}

describe('the guides', () => {
  const names = readdirSync(join(ROOT, 'docs')).filter(name => name.endsWith('.md'))
  for (const name of names) {
    const guide = readFileSync(join(ROOT, 'docs', name), 'utf8')

    it(`${name}: its code is code that is tested`, () => {
      expect(missingIn(guide)).to.deep.equal([])
      const named = [...guide.matchAll(BLOCK)].length
      expect(named, 'every block names its file').to.equal([...guide.matchAll(ANY_BLOCK)].length)
    })

    it(`${name}: its links lead to files`, () => {
      const targets = [...guide.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path)
      expect(targets.filter(path => !existsSync(join(ROOT, 'docs', path)))).to.deep.equal([])
    })
  }

  for (const name of COPIED) {
    it(`${name}: its code is whole, imports included`, () => {
      expect(partsIn(readFileSync(join(ROOT, 'docs', name), 'utf8'))).to.deep.equal([])
    })
  }

  for (const name of ['security.md', 'architecture.md']) {
    it(`${name}: each claim names its test, by words of its title`, () => {
      const guide = readFileSync(join(ROOT, 'docs', name), 'utf8')
      expect(unprovenIn(guide)).to.deep.equal([])
      const without = guide.replace(/\| [^|\n]*\.test\.ts\) \|$/m, '| - |')
      const other = guide.replace(/\[[^\]]+\](?=\([^)]+\.test\.ts\) \|)/, '[never said]')
      for (const wrong of [without, other]) expect(unprovenIn(wrong)).to.have.lengthOf(1)
    })
  }

  it('a part in place of a whole file is noticed', () => {
    const guide = readFileSync(join(ROOT, 'docs/migrate.md'), 'utf8')
    expect(partsIn(guide.replace(/^import .*\n/m, ''))).to.have.lengthOf(1)
  })

  it('transactions.md: each tool is there in three statements, which are tested', () => {
    const guide = readFileSync(join(ROOT, 'docs/transactions.md'), 'utf8')
    expect(wrongDifferencesIn(guide)).to.deep.equal([])
    const tools = readdirSync(join(ROOT, 'examples/transactions/tools'))
    const shown = [...guide.matchAll(DIFFERENCE)].map(([, path = '']) => path.split('/').at(-1))
    expect(shown.sort()).to.deep.equal(tools.filter(name => name.startsWith('with-')).sort())
  })

  it('a difference that is changed, or longer, is noticed', () => {
    const path = 'examples/transactions/tools/with-knex.ts'
    const line = "+const db = knex({ client: 'pg', connectionPool: pool })\n"
    expect(wrongDifferencesIn(`\`\`\`diff\n# ${path}\n${line}\`\`\``)).to.deep.equal([])
    for (const lines of ['+const never = 1\n', line.repeat(4)]) {
      expect(wrongDifferencesIn(`\`\`\`diff\n# ${path}\n${lines}\`\`\``)).to.have.lengthOf(1)
    }
  })

  it('a block that is changed is noticed', () => {
    const text = '```ts\n// examples/transactions/with-pg.ts\nconst never = 1\n```'
    expect(missingIn(text)).to.have.lengthOf(1)
  })
})
