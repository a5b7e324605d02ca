/**
 * The house rules as tests, and for each of them a planted fault that it catches.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { CODE_RULES, FUNCTION_LINES, sharedNamesIn } from './tidy/code-rules.js'
import { circlesIn, IMPORT_RULES } from './tidy/import-rules.js'
import { CODE, check, type File, type Rule } from './tidy/rule.js'
import { decisionFaults, LINES, lineCount, TEXT_RULES } from './tidy/text-rules.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NOT_OURS = new Set(['node_modules', '.git', 'dist', 'coverage', '.tmp'])
const BINARY = /\.(?:db|db-shm|db-wal|tgz|gz|png|ico)$/
const RULES = [...TEXT_RULES, ...IMPORT_RULES, ...CODE_RULES]

describe('tidy', () => {
  const files = filesBelow(ROOT)

  it('finds the files of this project', () => {
    const paths = files.map(file => file.path)
    expect(paths).to.include.members(['package.json', 'lib/errors.ts', 'test/tidy.test.ts'])
  })

  for (const rule of RULES) {
    it(rule.title, () => {
      const faults = check(rule, files)
      if (faults.length > 0) expect.fail(`${faults.length} faults:\n${faults.join('\n')}`)
    })
  }

  it('no files of the library import each other in a circle', () => {
    expect(circlesIn(files)).to.deep.equal([])
  })

  it('a type that the library exports has a name of its own', () => {
    expect(sharedNamesIn(files)).to.deep.equal([])
  })

  it('decisions are numbered without gaps or repeats', () => {
    expect(decisionFaults(readdirSync(join(ROOT, 'spec-notes/decisions')))).to.deep.equal([])
  })

  after('names the files that are growing too long', () => {
    const long = files.filter(file => CODE.test(file.path) && lineCount(file.text) > LINES.think)
    const list = long.map(file => `${file.path} (${lineCount(file.text)})`)
    if (list.length > 0) process.stderr.write(`    think about splitting: ${list.join(', ')}\n`)
  })
})

describe('each rule of tidy catches a planted fault', () => {
  const head = '/** What this file owns, in a sentence. */\n'
  const planted: readonly (readonly [title: RegExp, path: string, text: string])[] = [
    [/500 lines/, 'lib/engine/long.ts', '\n'.repeat(LINES.most + 1)],
    [/100 columns/, 'test/wide.test.ts', `// ${'x'.repeat(98)}`],
    [/kebab-case/, 'lib/engine/RunOnce.ts', head],
    [/kebab-case/, 'lib/my_room/run.ts', head],
    [/has a kind/, 'x', ''],
    [/has a kind/, 'x.owner-c5947f19', '{}'],
    [/begins with a comment/, 'lib/engine/run.ts', 'export {}\n'],
    [/begins with a comment/, 'lib/engine/run.ts', `import 'x'\n${head}`],
    [/unfinished/, 'lib/engine/run.ts', `// ${'TO'}${'DO'}: later`],
    [/unfinished/, 'test/run.test.ts', `// @ts-${'ignore'}`],
    [/somebody's machine/, 'docs/guide.md', `see /${'work'}/main`],
    [/somebody's machine/, 'scripts/run.ts', `import '../../${'shared'}/x.js'`],
    [/lockfile/, 'package-lock.json', '  "resolved": "https://registry.example/a.tgz",'],
    [/one way/, 'lib/protocols/poe/token.ts', "import { x } from '../../engine/store.js'"],
    [/one way/, 'lib/engine/run.ts', "import type { x } from '../koa/poe.js'"],
    [/one way/, 'lib/client/send.ts', "export { x } from '../engine/store.js'"],
    [/one way/, 'lib/koa/poe.ts', "type X = import('../stores/memory.js').X"],
    [/one way/, 'lib/stores/memory.ts', "import { x } from '../../test/support/x.js'"],
    [/one way/, 'lib/koa/poe.ts', "import { x } from 'post-once-exactly'"],
    [/one way/, 'lib/attic/x.ts', "import { x } from '../engine/store.js'"],
    [/one way/, 'lib/answers/allow.ts', "import { x } from '../koa/send.js'"],
    [/knows no server/, 'lib/answers/allow.ts', "import type { ServerResponse } from 'node:http'"],
    [/of ours/, 'lib/koa/cors.ts', 'ctx.status = 404'],
    [/of ours/, 'lib/koa/doors/x.ts', "if (a) ctx.body = ''"],
    [/Koa stays/, 'lib/engine/run.ts', "import type { Context } from 'koa'"],
    [/Koa stays/, 'lib/stores/memory.ts', "import Router from '@koa/router'"],
    [/driver/, 'lib/koa/poe.ts', "import Database from 'better-sqlite3'"],
    [/driver/, 'lib/stores/sqlite.ts', "await import('ioredis')"],
    [/driver/, 'lib/stores/memory.ts', "import { Pool } from 'pg'"],
    [/browser/, 'lib/protocols/poe/links.ts', "import { Buffer } from 'node:buffer'"],
    [/browser/, 'lib/client/browser.ts', "import 'crypto'"],
    [/end in \.js/, 'lib/engine/run.ts', "import { x } from './store.ts'"],
    [/end in \.js/, 'test/run.test.ts', "import { x } from './store'"],
    [/a function/, 'lib/engine/run.ts', `function run() {${'\n'.repeat(FUNCTION_LINES)}}`],
    [/a function/, 'lib/engine/run.ts', `class A { run = () => {${'\n'.repeat(FUNCTION_LINES)}} }`],
    [/a function/, 'test/a.test.ts', `it('x', () => {${'\n'.repeat(FUNCTION_LINES)}})`],
    [/no clock/, 'lib/engine/run.ts', 'const now = Date.now()'],
    [/no clock/, 'lib/engine/run.ts', 'const now = new Date(0)'],
    [/no clock/, 'lib/engine/run.ts', 'const id = Math.random()'],
    [/no clock/, 'lib/engine/run.ts', 'const now = performance.now()'],
    [/no clock/, 'lib/engine/run.ts', 'setInterval(tick, 5)'],
    [/no clock/, 'lib/engine/run.ts', 'const sleep = { wait: setTimeout }'],
    [/no clock/, 'lib/engine/run.ts', "import { wait } from 'node:timers/promises'"],
    [/no any/, 'lib/engine/run.ts', 'let x: Promise<any>'],
    [/no any/, 'test/a.test.ts', 'const x = y as any'],
    [/non-null/, 'test/a.test.ts', 'const x = y!.z'],
    [/singled out/, 'test/a.test.ts', `it.${'only'}('x', () => {})`],
    [/singled out/, 'test/a.test.ts', `describe.${'skip'}('x', () => {})`],
    [/singled out/, 'test/a.test.ts', `it('x', function () { this.${'skip'}() })`],
    [/singled out/, 'test/a.test.ts', `x${'it'}('x', () => {})`],
    [/doc comment/, 'lib/engine/run.ts', 'export const a = 1'],
    [/doc comment/, 'lib/engine/run.ts', 'export function run(): void {}'],
    [/doc comment/, 'lib/engine/run.ts', '// no doc\nexport interface Run {}'],
    [/doc comment/, 'lib/engine/run.ts', 'function run() {}\nexport { run }'],
    [/doc comment/, 'lib/engine/run.ts', 'export default 1'],
  ]

  for (const [title, path, text] of planted) {
    it(`${title.source}: ${path} ${JSON.stringify(text.trim().slice(0, 50))}`, () => {
      const [fault, ...more] = check(ruleOf(title), [{ path, text }])
      expect(more, 'one fault was planted').to.deep.equal([])
      expect(fault).to.match(new RegExp(`^${path}: `))
    })
  }

  it('has a planted fault for every rule', () => {
    const bare = RULES.filter(rule => !planted.some(([title]) => title.test(rule.title)))
    expect(bare.map(rule => rule.title)).to.deep.equal([])
  })

  it('circles: two files, three, and what only leads into one', () => {
    const file = (name: string, ...imports: string[]): File => ({
      path: `lib/koa/${name}.ts`,
      text: imports.map(each => `import type { x } from './${each}.js'`).join('\n'),
    })
    const pair = [file('a', 'b'), file('b', 'a', 'leaf'), file('leaf'), file('top', 'a')]
    expect(circlesIn(pair).map(fault => fault.slice(0, 12))).to.deep.equal([
      ...['lib/koa/a.ts', 'lib/koa/b.ts'],
    ])
    expect(circlesIn([file('a', 'b'), file('b', 'c'), file('c', 'a')])).to.have.length(3)
    expect(circlesIn([file('a', 'b', 'c'), file('b', 'c'), file('c')])).to.deep.equal([])
  })

  it('names: a type, an interface and a class of two files', () => {
    const file = (name: string, text: string): File => ({ path: `lib/koa/${name}.ts`, text })
    const one = file('a', 'export type A = 1; interface B {} export class C {} export type D = 1')
    const other = file('b', 'export interface A {} export interface B {} export type C = 2')
    expect(sharedNamesIn([one, other])).to.deep.equal([
      'A is a type of lib/koa/a.ts and of lib/koa/b.ts',
      'C is a type of lib/koa/a.ts and of lib/koa/b.ts',
    ])
  })

  for (const [fault, names] of [
    ['0002 is missing', ['0001-a.md', '0003-c.md']],
    ['0001 is there 2 times', ['0001-a.md', '0001-b.md']],
    ['notes.md is not named', ['0001-a.md', 'notes.md']],
  ] as const) {
    it(`decisions: ${fault}`, () => {
      expect(decisionFaults(names).join()).to.include(fault)
    })
  }

  it('lets through what only looks like a fault', () => {
    const fine: readonly File[] = [
      {
        path: 'lib/engine/run.ts',
        text: `${head}import { PoeError } from '../errors.js'
          /** Runs. */
          export function run(a: string): void
          export function run(a: string | number): void { clock.setTimeout(a, Date.parse('now')) }
          // Date.now() and any other clock are the caller's
          const x = { text: 'Math.random()', company: y !== z }`,
      },
      {
        path: 'test/a.test.ts',
        text: `describe('x', () => {${'\n'.repeat(FUNCTION_LINES)}})\nlist.only(1); this.skipped()`,
      },
      { path: 'package-lock.json', text: '"url": "https://sponsors.example/x"' },
      {
        path: 'examples/shop/README.md',
        text: `https://shop.example/${'work'}/1, ../${'shared'}-cache`,
      },
    ]
    expect(RULES.flatMap(rule => check(rule, fine))).to.deep.equal([])
  })
})

function ruleOf(title: RegExp): Rule {
  const [rule, ...more] = RULES.filter(one => title.test(one.title))
  if (rule === undefined || more.length > 0) throw new Error(`no single rule has ${title}`)
  return rule
}

function filesBelow(folder: string): File[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    if (NOT_OURS.has(name) || BINARY.test(name)) return []
    if (statSync(path).isDirectory()) return filesBelow(path)
    return [{ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }]
  })
}
