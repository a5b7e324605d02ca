/**
 * What the tests would not notice: changes one operator at a time, or leaves one side of a
 * condition out, in `lib/protocols`, `lib/engine` and `lib/koa`, and runs their tests against it, in
 * a copy of the tree.
 *
 *     npm run mutation -- --count 60 --seed 1 --only lib/engine/waiters
 *
 * The last line is the score, the share of changes that a test has caught; before it stands each
 * one that was not, with its place. One at which the tests ran into a time limit is not caught: it
 * is counted apart, for a slow machine looks the same. Where the tests fail without any change,
 * nothing is counted: whatever is changed then would seem to be caught.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, prepare, ROOT } from './prepare.mjs'

await prepare()
const { default: ts } = await import('typescript')

const SUBJECTS = [
  ['lib/protocols', ['test/protocols/**/*.test.ts']],
  ['lib/engine', ['test/engine/**/*.test.ts', 'test/stores/memory.test.ts']],
  ['lib/koa', ['test/koa/**/*.test.ts']],
]
/** For one test, and for all of them. */
const [TEST_MS, PATIENCE_MS] = [60_000, 240_000]

const { SyntaxKind } = ts
const OTHER = new Map([
  [SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [SyntaxKind.LessThanToken, '<='],
  [SyntaxKind.LessThanEqualsToken, '<'],
  [SyntaxKind.GreaterThanToken, '>='],
  [SyntaxKind.GreaterThanEqualsToken, '>'],
  [SyntaxKind.PlusToken, '-'],
  [SyntaxKind.MinusToken, '+'],
])

/** Of which each side is left out once. */
const LOGICAL = new Set([SyntaxKind.AmpersandAmpersandToken, SyntaxKind.BarBarToken])

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('npm run mutation -- [--count 40] [--seed 1] [--only lib/engine/waiters]')
  process.exit()
}
const count = Number(values.count)
if (!Number.isSafeInteger(count) || count < 1)
  fail(`--count ${values.count} is no number of changes.`, 2)

const mutants = sample(
  SUBJECTS.flatMap(([folder, tests]) => mutantsOf(folder, tests)).filter(({ file }) =>
    file.includes(values.only),
  ),
  count,
)
if (mutants.length === 0) fail(`--only ${values.only} names no file that could be changed.`, 2)
const tree = copyTree()
const counts = { caught: 0, hung: 0, 'not caught': 0 }
try {
  for (const tests of new Set(mutants.map(mutant => mutant.tests))) tryUnchanged(tree, tests)
  for (const [index, mutant] of mutants.entries()) {
    const end = tryOut(tree, mutant)
    counts[end] += 1
    if (end !== 'caught') console.log(`${end}: ${mutant.place}: ${mutant.was} as ${mutant.text}`)
    if (process.stderr.isTTY) process.stderr.write(`\r${index + 1} of ${mutants.length}`)
  }
} finally {
  rmSync(tree, { recursive: true, force: true })
}
const share = ((100 * counts.caught) / mutants.length).toFixed(0)
console.log(`${counts.caught} of ${mutants.length} caught: ${share} %; ${counts.hung} hung`)

/** Every operator, condition and truth value of a folder, as a change to it. */
function mutantsOf(folder, tests) {
  const files = readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
  return files
    .filter(name => name.endsWith('.ts'))
    .sort()
    .flatMap(name => {
      const file = `${folder}/${name}`
      const source = ts.createSourceFile(
        file,
        readFileSync(ROOT + file, 'utf8'),
        ts.ScriptTarget.Latest,
        true,
      )
      const found = []
      const add = (node, text) => {
        const start = node.getStart(source)
        const { line } = source.getLineAndCharacterOfPosition(start)
        const was = node.getText(source)
        found.push({ file, tests, start, end: node.end, text, was, place: `${file}:${line + 1}` })
      }
      const visit = node => {
        if (ts.isBinaryExpression(node) && OTHER.has(node.operatorToken.kind)) {
          add(node.operatorToken, OTHER.get(node.operatorToken.kind))
        }
        if (ts.isBinaryExpression(node) && LOGICAL.has(node.operatorToken.kind)) {
          for (const side of [node.left, node.right]) add(node, `(${side.getText(source)})`)
        }
        if (ts.isIfStatement(node)) add(node.expression, 'false')
        if (node.kind === SyntaxKind.TrueKeyword && !ts.isLiteralTypeNode(node.parent))
          add(node, 'false')
        if (node.kind === SyntaxKind.FalseKeyword && !ts.isLiteralTypeNode(node.parent))
          add(node, 'true')
        ts.forEachChild(node, visit)
      }
      visit(source)
      return found
    })
}

/** The same ones for the same seed. */
function sample(all, wanted) {
  let state = Number(values.seed) >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const rest = [...all]
  return Array.from({ length: Math.min(wanted, rest.length) }, () => {
    return rest.splice(Math.floor(next() * rest.length), 1)[0]
  })
}

function copyTree() {
  const folder = mkdtempSync(join(tmpdir(), 'poe-mutation-'))
  for (const name of ['lib', 'test', 'examples', 'scripts', 'package.json', 'spec-notes', 'docs']) {
    cpSync(ROOT + name, join(folder, name), { recursive: true })
  }
  symlinkSync(`${ROOT}node_modules`, join(folder, 'node_modules'))
  return folder
}

/** @throws Error where the tests fail although nothing is changed */
function tryUnchanged(folder, tests) {
  const { end, output } = run(folder, tests)
  if (end === 'not caught') return
  throw new Error(`Unchanged, these tests must pass: ${tests.join(' ')}\n${output}`)
}

/** The tests that have the file's name come first: most changes are caught by them. */
function tryOut(folder, { file, tests, start, end, text }) {
  const before = readFileSync(ROOT + file, 'utf8')
  writeFileSync(join(folder, file), before.slice(0, start) + text + before.slice(end))
  const place = dirname(file).replace(/^lib/, 'test')
  const own = readdirSync(join(folder, place))
    .filter(name => name.startsWith(basename(file, '.ts')) && name.endsWith('.test.ts'))
    .map(name => `${place}/${name}`)
  let known = 'not caught'
  if (own.length > 0) known = run(folder, own).end
  if (known === 'not caught') known = run(folder, tests).end
  writeFileSync(join(folder, file), before)
  return known
}

function run(folder, tests) {
  const loader = ['--import', './scripts/typescript.mjs']
  const short = ['--ignore', 'test/**/*.long.test.ts']
  const options = ['--no-config', '--bail', '--require', 'test/support/setup.ts', ...short]
  const mocha = 'node_modules/mocha/bin/mocha.js'
  const { status, error, stdout, stderr } = spawnSync(
    process.execPath,
    [...loader, mocha, ...options, '--timeout', `${TEST_MS}`, '--reporter', 'dot', ...tests],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 1_024 ** 3,
    },
  )
  const output = stdout + stderr
  const isLate = error?.code === 'ETIMEDOUT' || output.includes(`Timeout of ${TEST_MS}ms exceeded`)
  return { end: status === 0 ? 'not caught' : isLate ? 'hung' : 'caught', output }
}
