/**
 * No request leaves a hidden class: an object of a class of its own costs a microsecond to make,
 * lives in V8's old space, and makes slow whatever reads it.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { INSTALLED_STORES } from '../support/stores.js'
import { strippedModule } from '../support/stripped-tree.js'

const PROGRAM = 'test/support/hidden-classes-program.ts'
/** How many requests of each path are counted. */
const COUNTED = 60
/** V8 makes a few while it compiles; one in each request would be 1. */
const FEW = 0.5

describe('hidden classes', function () {
  this.timeout(120_000)

  for (const kind of INSTALLED_STORES) {
    it(`[COST-07] no request makes one, ${kind}`, async () => {
      const { planted, ...made } = await classesOf(kind)
      expect(planted, 'a class that a handler makes').to.be.at.least(1)
      expect(made).to.include.all.keys('bare', 'first', 'replay', 'condition', 'duplicate')
      for (const [path, perRequest] of Object.entries(made)) {
        expect(perRequest, path).to.be.below(FEW)
      }
    })
  }

  it("[COST-07] a send of the client makes no more than Node's fetch with a signal", async () => {
    const { fetch: base = 0, post, keyed } = await classesOf('client')
    expect(post).to.be.below(base + FEW)
    expect(keyed).to.be.below(base + FEW)
  })
})

/** How many classes each path makes, for one request. */
async function classesOf(kind: string): Promise<Readonly<Record<string, number>>> {
  const folder = mkdtempSync(join(tmpdir(), 'poe-classes-'))
  const log = join(folder, 'v8.log')
  const flags = ['--log-maps', '--no-logfile-per-isolate', `--logfile=${log}`]
  try {
    const args = [...flags, strippedModule(PROGRAM), kind, String(COUNTED)]
    await promisify(execFile)(process.execPath, args)
    const pieces = readFileSync(log, 'latin1').split(/^map,.*,mark-(begin|end)-([\w-]+)$/m)
    const made: Record<string, number> = {}
    for (const [at, piece] of pieces.entries()) {
      if (pieces[at - 2] !== 'begin') continue
      made[pieces[at - 1] ?? ''] = (piece.match(/^map-create,/gm)?.length ?? 0) / COUNTED
    }
    return made
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
