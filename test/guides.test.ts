/**
 * The guides: each block of code stands, line by line, in a file that the tests run.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BLOCK = /```(?:ts|js|nginx)\n(?:\/\/|#) (\S+)\n([\s\S]*?)```/g
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

  it('a block that is changed is noticed', () => {
    const text = '```ts\n// examples/transactions/with-pg.ts\nconst never = 1\n```'
    expect(missingIn(text)).to.have.lengthOf(1)
  })
})
