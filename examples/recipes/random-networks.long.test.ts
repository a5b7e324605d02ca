/**
 * The recipes among servers, networks and fronts of which chance decides: none says that it
 * happened, or did not, against what the server did.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { type Fate, RandomFront } from '../../test/client/random-front.js'
import { networks, type RandomNetwork } from '../../test/client/random-network.js'
import { startServer } from '../../test/client/random-server.js'
import { SEED } from '../../test/support/chance.js'
import { until } from '../../test/support/meeting.js'
import { HELPERS, type Helper } from './helpers.js'

const RUNS = 100
const MOST_MS = 20_000
const OWN = '{"sku":"tea"}'
const OTHER = '{"sku":"gum"}'

/** What a recipe waits for longer than a test may is left out. */
function isSoon(fate: Fate): boolean {
  const isLate = fate.kind === 'late' && fate.lateMs > 1_000
  const isStalled = fate.kind === 'silent' || (fate.kind === 'part' && fate.end === 'none')
  const isLong = fate.kind === 'says' && /^[1-9]/.test(fate.wait)
  return !isLate && !isStalled && !isLong
}

/** Links only, and no refusals that pass: what was refused must not come once more by itself. */
const given: fc.Arbitrary<RandomNetwork> = networks
  .filter(({ server }) => server.door === 'link' && server.misses.length === 0)
  .map(each => ({ ...each, posts: each.posts.filter(isSoon), gets: each.gets.filter(isSoon) }))

/** Plays one; gives what was wrong. */
async function play(recipe: Helper['recipe'], { server: plan, ...network }: RandomNetwork) {
  const server = await startServer(plan)
  const front = new RandomFront(server.port, network.posts, network.gets)
  const link = (await front.start()) + server.path
  const wrong: string[] = []
  try {
    // A bare server does not say whose a link was.
    const isTaken = network.isTaken && plan.kind === 'ours'
    if (isTaken) await take(`http://127.0.0.1:${server.port}${server.path}`)
    const ended = recipe(link, link).then(() => 'yes', wordOf)
    const says = await Promise.race([ended, pause(MOST_MS, 'nothing', { ref: false })])
    front.calm()
    await pause(5)
    await until(() => server.atWork + front.onward === 0, 'quiet', MOST_MS)
    const own = server.effects.filter(({ content }) => content === OWN)
    if (server.effects.length > 1) wrong.push(`${server.effects.length} effects`)
    const isSo = says === 'unknown' || says === (own.length > 0 ? 'yes' : 'no')
    if (!isSo) wrong.push(`it says ${says}, effects: ${own.length}`)
  } finally {
    await front.close()
    await server.close()
  }
  return wrong
}

/** Somebody else is first, with another order. */
async function take(link: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await (await fetch(link, { method: 'POST', body: OTHER, headers })).text()
}

function wordOf(error: Error): string {
  if (/cannot be told|unknown/i.test(error.message)) return 'unknown'
  return /refused/.test(error.message) ? 'no' : String(error)
}

function isTruthful(recipe: Helper['recipe']): fc.IAsyncPropertyWithHooks<[RandomNetwork]> {
  return fc.asyncProperty(given, async each => {
    expect(await play(recipe, each)).to.deep.equal([])
  })
}

describe('recipes in any network', function () {
  this.timeout(300_000)

  // ky's finds a link of its own, and what it uses is tried elsewhere.
  for (const { name, recipe } of HELPERS.filter(one => one.name !== 'ky 1')) {
    it(`[FALSE-4401, FALSE-4402] ${name}: says nothing that is not so`, async () => {
      await fc.assert(isTruthful(recipe), { seed: SEED, numRuns: RUNS, endOnFailure: true })
    })
  }

  it('a planted fault is found: a link that is used was used by us', async () => {
    const init = { method: 'POST', body: OWN, headers: { 'content-type': 'application/json' } }
    const credulous = async (link: string) => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const answer = await fetch(link, init).catch(() => null)
        if (answer?.status === 405 || answer?.status === 201) return await answer.text()
      }
      throw new Error('unknown')
    }
    const how = { seed: 1, numRuns: 200, endOnFailure: true }
    expect((await fc.check(isTruthful(credulous), how)).failed).to.equal(true)
  })
})
