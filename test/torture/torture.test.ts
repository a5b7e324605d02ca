/**
 * Short runs of the fire test as processes: they find nothing where there is nothing, and what was
 * planted where something was.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { areInstalled } from '../support/servers/programs.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLAGS = ['--import', 'ts-blank-space/register', '-C', '@post-once-exactly/source']

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function torture(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const all = [...FLAGS, 'test/torture/main.ts', ...args]
    const child = spawn(process.execPath, all, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
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
function lastLine(out: string): Record<string, number> {
  return JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>
}

const MEMBERS = [
  ...['operations', 'kills', 'faults', 'duplicates', 'lost', 'falseAccepted', 'falseRefused'],
  ...['stuck', 'undecided', 'seed'],
]

describe('the fire test', function () {
  this.timeout(120_000)

  const runs = [
    ['sqlite', []],
    ['postgres', ['postgres', 'initdb']],
    ['redis', ['redis-server']],
  ] as const
  for (const [store, programs] of runs) {
    if (!areInstalled(programs, `the fire test on ${store}`)) continue
    it(`[POE-A-1] ${store}: kills and faults, and nothing is found`, async () => {
      const ended = await torture(['--store', store, '--seconds', '6', '--seed', '7', '--json'])
      const found = lastLine(ended.out)
      expect(ended.code, ended.out + ended.err).to.equal(0)
      expect(Object.keys(found)).to.have.members(MEMBERS)
      expect(found.operations).to.be.above(15)
      expect(found.kills).to.be.above(0)
      expect(found.faults).to.be.above(10)
      expect(found.seed).to.equal(7)
    })
  }

  it('what was planted is found: no owner check, completion outside the transaction', async () => {
    const plants = ['owner', 'outside-transaction'].map(async plant => {
      const ended = await torture(['--plant', plant, '--seconds', '10', '--seed', '3', '--json'])
      expect(ended.code, ended.out + ended.err).to.equal(1)
      expect(lastLine(ended.out).duplicates).to.be.above(0)
    })
    await Promise.all(plants)
  })

  if (areInstalled(['postgres', 'initdb'], 'the fire test with a planted slow commit')) {
    it('[FALSE-609] what was planted is found: its own success told as used', async () => {
      const args = ['--store', 'postgres', '--plant', 'own-success', '--seconds', '10']
      const ended = await torture([...args, '--seed', '3', '--json'])
      expect(ended.code, ended.out + ended.err).to.equal(1)
      expect(lastLine(ended.out).falseRefused).to.be.above(0)
    })
  }

  const misuses = [
    [['--store', 'mysql'], /give sqlite, postgres, redis/],
    [['--minutes', 'soon'], /--minutes soon cannot be used/],
    [['--nope'], /Try --help/],
    [['--persistence', 'always'], /for --store redis/],
    [['--store', 'redis', '--plant', 'outside-transaction'], /needs a store with transactions/],
  ] as const
  it('what cannot be meant: one line, exit 2', async () => {
    const runs = misuses.map(async ([args, line]) => {
      const ended = await torture(args)
      expect(ended.err).to.match(line)
      expect(ended.err.trimEnd().split('\n')).to.have.lengthOf(1)
      expect([ended.code, ended.out]).to.deep.equal([2, ''])
    })
    await Promise.all(runs)
  })
})
