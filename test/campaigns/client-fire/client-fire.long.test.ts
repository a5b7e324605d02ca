/**
 * Short runs of the client under fire, and clients that are wrong on purpose, which the same check
 * finds. The whole campaign is `npm run client-fire`.
 */
import { expect } from 'chai'
import { isInstalled, type OneShop, openShop } from '../one-shop.js'
import { type Campaign, isViolated, runCampaign } from './campaign.js'
import { MIXES, type Mix } from './mixes.js'
import type { Plant } from './plants.js'

const SEED = 20_261_125
const OPERATIONS = 60

describe('the client under fire', () => {
  let shared: OneShop
  before(async () => {
    shared = await openShop('sqlite')
  })
  after(() => shared.close())
  const run = (mix: Mix, seed: number, plant: Plant | null): Promise<Campaign> => {
    const shop = mix.store === undefined ? { shop: shared } : {}
    return runCampaign({ mix, operations: OPERATIONS, seed, plant, ...shop })
  }

  for (const mix of MIXES) {
    if (!isInstalled(mix.store ?? 'sqlite', `the mix ${mix.name}`)) continue
    it(`[POE-2-11] ${mix.name}: one effect for each operation that was accepted`, async () => {
      const found = await run(mix, SEED, null)
      expect(isViolated(found), JSON.stringify({ ...found, SEED })).to.equal(false)
      expect(found.done, JSON.stringify(found)).to.be.above(0)
    })
  }

  const planted: readonly (readonly [plant: Plant, mix: string, found: keyof Campaign])[] = [
    ['new-link', 'reply-dropped', 'duplicates'],
    ['pessimist', 'reply-dropped', 'falseRefused'],
    ['optimist', 'request-dropped', 'falseAccepted'],
    ['accuser', 're-sent', 'falseRefused'],
  ]
  for (const [plant, name, member] of planted) {
    it(`a client that is a ${plant} is caught by ${member}`, async () => {
      const mix = MIXES.find(one => one.name === name)
      if (mix === undefined) throw new Error(`there is no mix ${name}`)
      const seen: Campaign[] = []
      // What meets what is the machine's affair too: another run, where one has not found it.
      for (let seed = SEED; seed < SEED + 4 && !seen.some(one => one[member] !== 0); seed += 1) {
        seen.push(await run(mix, seed, plant))
      }
      expect(seen.at(-1)?.[member], JSON.stringify(seen)).to.be.above(0)
    })
  }
})
