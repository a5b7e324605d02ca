/**
 * Short runs of clients that are killed, and clients that are wrong on purpose, which the same
 * check finds. The whole campaign is `npm run client-kill`.
 */
import { expect } from 'chai'
import { isInstalled } from '../one-shop.js'
import { runCampaign } from './campaign.js'
import { Book, check, type ViolationKind } from './checker.js'
import type { ClientLine, Plant } from './client-program.js'

const SEED = 20_261_125
const KILLS = 9

describe('clients that are killed', () => {
  for (const store of ['sqlite', 'postgres'] as const) {
    if (!isInstalled(store, `that clients are killed, ${store}`)) continue
    it(`[CL-17] one effect for each operation, and all is told in the end: ${store}`, async () => {
      const options = { kills: KILLS, seed: SEED, plant: null, store }
      const { violations, ...found } = await runCampaign(options)
      const figures = JSON.stringify(found)
      expect(violations, figures).to.deep.equal([])
      expect(found.kills).to.equal(KILLS)
      expect(found.operations, figures).to.be.above(2)
      expect(found.resumed, figures).to.be.above(0)
      expect(found.faults, figures).to.be.above(10)
    })
  }

  const planted: readonly (readonly [Plant, ViolationKind, kills: number])[] = [
    ['late-journal', 'lost', 6],
    ['forgetful', 'lost', 6],
    ['afresh', 'double', 30],
  ]
  for (const [plant, kind, kills] of planted) {
    it(`a client with the fault '${plant}' is caught by '${kind}'`, async () => {
      const kinds: ViolationKind[] = []
      // Where a kill falls is the machine's affair too: a few runs, until it is found.
      for (let seed = SEED; seed < SEED + 5 && !kinds.includes(kind); seed += 1) {
        const { violations } = await runCampaign({ kills, seed, plant, store: 'sqlite' })
        kinds.push(...violations.map(violation => violation.kind))
      }
      expect(kinds).to.include(kind)
    })
  }
})

describe('the check of clients that are killed', () => {
  const begun: ClientLine = { say: 'begun', sku: 'a' }
  const settled: ClientLine = { say: 'settled', sku: 'a' }
  const told = (outcome: NonNullable<ClientLine['outcome']>, isFinal = true): ClientLine => {
    return { say: 'told', sku: 'a', outcome, isFinal }
  }
  const cases: readonly (readonly [ViolationKind | null, readonly ClientLine[], number])[] = [
    [null, [begun, told('accepted')], 1],
    [null, [begun, told('unknown', false), told('accepted-earlier')], 1],
    [null, [begun, settled], 1],
    [null, [begun, told('refused')], 0],
    [null, [begun, told('unknown')], 0],
    [null, [begun, told('unknown')], 1],
    ['double', [begun, told('accepted')], 2],
    ['lost', [begun], 0],
    ['lost', [begun], 1],
    ['lost', [begun, told('refused', false)], 0],
    ['falseAccepted', [begun, told('accepted')], 0],
    ['falseAccepted', [begun, told('accepted-earlier')], 0],
    ['falseRefused', [begun, told('refused')], 1],
    ['falseRefused', [begun, told('gone')], 1],
    ['falseRefused', [begun, told('used-before')], 1],
    ['unjournalled', [], 1],
  ]
  for (const [kind, lines, effects] of cases) {
    const said = lines.map(({ say, outcome, isFinal }) =>
      [say, outcome, isFinal === false ? 'open' : ''].join(' ').trim(),
    )
    it(`${said.join(', ') || 'nothing'}; ${effects} orders: ${kind ?? 'fine'}`, () => {
      const book = new Book()
      for (const line of lines) book.note(line)
      const orders = Array.from({ length: effects }, () => 'a')
      const kinds = check(book, orders).map(violation => violation.kind)
      expect(kinds).to.deep.equal(kind === null ? [] : [kind])
    })
  }
})
