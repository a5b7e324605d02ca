/**
 * Which test files there are, and which of them a run needs. A file that is named `*.long.test.ts`
 * belongs to `npm run test:all`, every other one to `npm test`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { ROOT } from './prepare.mjs'

/** The tables whose last column names the tests of an id, its home test first. */
const REGISTERS = ['spec-notes/requirements.md', 'spec-notes/cases.md']
const ID = /^[A-Z]+(?:-[A-Za-z0-9.]+)*-\d+$/
/** What stands in for a suite that is published: the store contract, on the quickest store for it. */
const RUN_BY = [
  ['lib/testing/store-contract/outbox.ts', 'test/stores/sqlite.test.ts'],
  ['lib/testing/', 'test/stores/memory.test.ts'],
]

/**
 * Lists test files, relative to the root.
 *
 * @param {'short' | 'long'} part - those of `npm test`, or those that it leaves out
 * @returns {string[]}
 */
export function testFiles(part) {
  return ['test', 'examples']
    .flatMap(folder =>
      readdirSync(`${ROOT}${folder}`, { recursive: true }).map(name => `${folder}/${name}`),
    )
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => path.endsWith('.test.ts') && isLong(path) === (part === 'long'))
    .sort()
}

/** Tells whether `npm test` leaves a file out. */
export function isLong(path) {
  return path.endsWith('.long.test.ts')
}

/**
 * Finds what to load for an id, or for the beginning of ids (`RACE`, `POE-2`).
 *
 * @param {string} text - what `--grep` was given
 * @returns {{ files: string[], others: string[], grep: string } | null} the home tests, the other
 *   files that touch the id, and the expression that finds its titles; `null` where no register
 *   has such an id
 */
export function homeOf(text) {
  const rows = REGISTERS.flatMap(rowsOf)
  const found = rows.filter(({ id }) => id === text || id.startsWith(`${text}-`))
  const homes = found.flatMap(({ files }) => files.slice(0, 1)).map(runnable)
  if (homes.length === 0) return null
  const others = found.flatMap(({ files }) => files).map(runnable)
  return {
    files: [...new Set(homes)],
    others: [...new Set(others)].filter(file => !homes.includes(file)),
    grep: `\\b${escaped(text)}(?!\\d)`,
  }
}

function rowsOf(register) {
  return readFileSync(`${ROOT}${register}`, 'utf8')
    .split('\n')
    .map(line => line.split('|').map(cell => cell.trim()))
    .filter(cells => ID.test(cells[1] ?? ''))
    .map(cells => ({
      id: cells[1],
      files: cells
        .at(-2)
        .split(', ')
        .filter(name => name !== '-'),
    }))
}

/** The test that runs the titles of a file: itself, or the first one that imports it. */
function runnable(file) {
  if (file.endsWith('.test.ts')) return file
  const known = RUN_BY.find(([folder]) => file.startsWith(folder))
  if (known !== undefined) return known[1]
  return testFiles('short').find(test => reaches(test, file, new Set())) ?? file
}

function reaches(from, file, seen) {
  if (from === file) return true
  if (seen.has(from) || !existsSync(`${ROOT}${from}`)) return false
  seen.add(from)
  const text = readFileSync(`${ROOT}${from}`, 'utf8')
  return [...text.matchAll(/from '(\.[^']*)\.js'/g)].some(([, path]) => {
    const next = normalize(join(dirname(from), `${path}.ts`)).replaceAll('\\', '/')
    return next.startsWith('test/') && reaches(next, file, seen)
  })
}

function escaped(text) {
  return text.replaceAll(/[^\w-]/g, '\\$&')
}
