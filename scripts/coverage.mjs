/**
 * `npm run coverage`: runs all tests and judges what they reach, folder by folder. With a folder of
 * raw V8 coverage as its argument it only judges. Children that are killed leave no coverage, so a
 * line that only they run does not count.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { prepare, ROOT, run } from './prepare.mjs'

/** Least percentages of lines and branches; the first folder that a file is in counts. */
const FLOORS = [
  ['lib/protocols', 100, 100],
  ['lib/engine', 100, 100],
  ['lib/stores', 98, 94],
  ['lib', 95, 95],
]

await prepare()
// Installed by now, if it was not before.
const { default: stripTypes } = await import('ts-blank-space')
const [given] = process.argv.slice(2)
const raw = given ?? mkdtempSync(join(tmpdir(), 'poe-coverage-'))
try {
  const env = { NODE_V8_COVERAGE: raw }
  const test = async part => await run(process.execPath, ['scripts/test.mjs', ...part], env)
  const tested = given === undefined ? (await test([])) || (await test(['--all'])) : 0
  process.exitCode = tested === 0 ? await judge(raw) : tested
} finally {
  if (given === undefined) rmSync(raw, { recursive: true, force: true })
}

async function judge(folder) {
  const out = mkdtempSync(join(tmpdir(), 'poe-coverage-report-'))
  try {
    const c8 = ['node_modules/c8/bin/c8.js', 'report', '--temp-directory', folder]
    const what = ['--include', 'lib/**', '--all', '--reports-dir', out]
    const code = await run(process.execPath, [...c8, ...what, '--reporter', 'json-summary'])
    if (code !== 0) return code
    return report(JSON.parse(readFileSync(join(out, 'coverage-summary.json'), 'utf8')))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

function report(summary) {
  const files = Object.entries(summary)
    .filter(([path]) => path !== 'total' && hasCode(path))
    .map(([path, counts]) => ({ path: relative(ROOT, path), ...counts }))
  let failed = files.length === 0
  for (const [index, [folder, lines, branches]] of FLOORS.entries()) {
    const earlier = FLOORS.slice(0, index).map(([name]) => name)
    const own = files.filter(
      ({ path }) => isIn(path, folder) && !earlier.some(name => isIn(path, name)),
    )
    const reached = { lines: share(own, 'lines'), branches: share(own, 'branches') }
    const enough = reached.lines >= lines && reached.branches >= branches
    failed ||= !enough
    console.log(
      `${folder.padEnd(16)} lines ${percent(reached.lines)} (at least ${lines})  ` +
        `branches ${percent(reached.branches)} (at least ${branches})  ${enough ? 'ok' : 'TOO LOW'}`,
    )
    for (const { path, lines: l, branches: b } of own) {
      if (l.pct === 100 && b.pct === 100) continue
      console.log(`  ${path.padEnd(44)} lines ${percent(l.pct)}  branches ${percent(b.pct)}`)
    }
  }
  return failed ? 1 : 0
}

/** A file of types alone is never loaded, and has nothing to run. */
function hasCode(path) {
  const code = stripTypes(readFileSync(path, 'utf8')).replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '')
  return code.replace(/export \{\s*\};?/g, '').trim() !== ''
}

function isIn(path, folder) {
  return path.startsWith(`${folder}/`)
}

function share(files, member) {
  const total = files.reduce((sum, file) => sum + file[member].total, 0)
  const covered = files.reduce((sum, file) => sum + file[member].covered, 0)
  return total === 0 ? 100 : (100 * covered) / total
}

function percent(value) {
  return `${value.toFixed(2).padStart(6)} %`
}
