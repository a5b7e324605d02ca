/** The fire test as a process, as `npm run torture` starts it. */
import { spawn } from 'node:child_process'
import { expect } from 'chai'
import { strippedModule, strippedTree } from '../../support/stripped-tree.js'

/** How it ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs it to its end. */
export function torture(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const main = strippedModule('test/campaigns/torture/main.ts')
    const child = spawn(process.execPath, [main, ...args], {
      // Its shops start from the same copy.
      env: { ...process.env, POE_TEST_STRIPPED: strippedTree() },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, err] = ['', '']
    child.stdout.on('data', chunk => {
      out += String(chunk)
    })
    child.stderr.on('data', chunk => {
      err += String(chunk)
    })
    child.once('error', reject)
    child.once('close', code => resolve({ code, out, err }))
  })
}

/** The last line of a run with `--json`. */
export function lastLine(out: string): Record<string, number> {
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>
}

const MEMBERS = [
  ...['operations', 'kills', 'faults', 'duplicates', 'lost', 'falseAccepted', 'falseRefused'],
  ...['stuck', 'undecided', 'seed'],
]

/**
 * Burns a store for some seconds, and where a busy machine gets nowhere in them, for more: there
 * were kills and faults, and nothing is found.
 */
export async function expectNothingFound(
  store: string,
  seconds: number,
  more: readonly string[] = [],
): Promise<void> {
  const burn = async (longer: number): Promise<Record<string, number>> => {
    const args = ['--store', store, '--seconds', `${seconds * longer}`, '--seed', '7', '--json']
    const ended = await torture([...args, ...more])
    expect(ended.code, ended.out + ended.err).to.equal(0)
    return lastLine(ended.out)
  }
  let found = await burn(1)
  const isIdle = ({ operations = 0, kills = 0, faults = 0 }) =>
    operations <= 5 || kills === 0 || faults <= 5
  if (isIdle(found)) found = await burn(8)
  expect(Object.keys(found)).to.have.members(MEMBERS)
  expect(found.operations).to.be.above(5)
  expect(found.kills).to.be.above(0)
  expect(found.faults).to.be.above(5)
  expect(found.seed).to.equal(7)
}
