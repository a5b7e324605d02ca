/**
 * Fidelity: what goes in comes out, byte for byte, under any key.
 */
import assert from 'node:assert/strict'
import type { StoredOutcome } from '../../engine/store.js'
import { answer, type StoreCase, type StoreContractOptions, shorten, storeCase } from './trial.js'

const HEAD = '[201,[["location","/orders/1"]],"k"]'

const BODIES: Readonly<Record<string, Uint8Array | null>> = {
  'no body': null,
  'an empty body': new Uint8Array(0),
  'a body of zero bytes': new Uint8Array(9),
  'a body of all 256 byte values': Uint8Array.from({ length: 256 }, (_, index) => index),
  'a body that is no UTF-8': Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80),
  'a view into a larger buffer': new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4),
  'a body of 256 KiB': Uint8Array.from({ length: 256 * 1_024 }, (_, index) => (index * 7) % 251),
}

const HEADS: Readonly<Record<string, string>> = {
  'a head with quotes and backslashes': '[201,[["etag","\\"a\\\\b\\""]],"k"]',
  'a head beyond Latin-1': '[201,[["x","\u00e9 \u6f22 \u{1f600} \u2028"]],"k"]',
  'a head with control characters': '[201,[["x","\u0001\u0005\u0008"]],"k"]',
  'a head of 8 KiB': JSON.stringify([201, [['link', 'x'.repeat(8_192)]], 'k']),
}

const KEYS: readonly string[] = [
  'order',
  'Order',
  'order ',
  ' order',
  'order:1',
  'order/1?a=b#c',
  'order"1"',
  "order'1'",
  "'; DROP TABLE poe_spent; --",
  'order\\1',
  'order%201',
  'order%',
  'order_1',
  'order*',
  'order\n1',
  'order\r\n1',
  'order{1}',
  '{order}1',
  '\u00e9',
  'e\u0301',
  '\u6f22\u{1f600}',
  'k'.repeat(2_000),
  `${'k'.repeat(2_000)}2`,
  '__proto__',
  'constructor',
]

/** Cases about what records keep. */
export function outcomeCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...kinds(options), ...keys(options), ...aliases(options)]
}

function kinds<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  const outcomes: [title: string, outcome: StoredOutcome][] = [
    ...Object.entries(BODIES).map(
      ([title, body]) => [title, { head: HEAD, body }] as [string, StoredOutcome],
    ),
    ...Object.entries(HEADS).map(
      ([title, head]) => [title, answer('x', head)] as [string, StoredOutcome],
    ),
  ]
  return outcomes.map(([title, outcome]) =>
    storeCase(options, `outcome: ${title} comes back as it was`, async trial => {
      await trial.spend('completed', 'a', {}, outcome)
      await trial.expectOutcome('completed', outcome, `${title}, by complete`)
      await trial.spend('attached', 'a', {}, { head: '[200,[],"p",1]', body: null })
      await trial.store.attachBody('attached', 'a', outcome)
      await trial.expectOutcome('attached', outcome, `${title}, by attachBody`)
      await trial.fallSilent('settled', 'a')
      await trial.store.settle('settled', 'a', outcome)
      await trial.expectOutcome('settled', outcome, `${title}, by settle`)
    }),
  )
}

function keys<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'keys: odd ones, and ones that are alike, are all different',
      async trial => {
        for (const [index, key] of KEYS.entries()) {
          await trial.expectState(key, 'none', `'${shorten(key)}' before it was claimed`)
          await trial.spend(key, `owner-${index}`, {}, answer(`${index}`))
        }
        for (const [index, key] of KEYS.entries()) {
          await trial.expectOutcome(key, answer(`${index}`), `under '${shorten(key)}'`)
        }
      },
    ),
    storeCase(options, 'principals and fingerprints: all come back as they were', async trial => {
      const texts = [
        'x',
        "o'hara",
        '\u00e9\u6f22',
        'A_-'.repeat(14),
        'aGVsbG8gd29ybGQgaGVsbG8',
        '0123456789abcdef'.repeat(4),
        `${'0'.repeat(42)}B`,
        'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ',
      ]
      for (const [index, text] of texts.entries()) {
        const who = { principal: text, fingerprint: text }
        await trial.take(`running-${index}`, 'a', who)
        await trial.spend(`spent-${index}`, 'a', who)
        await trial.fallSilent(`undecided-${index}`, 'a', who)
        for (const state of ['running', 'spent', 'undecided'] as const) {
          const reply = await trial.read(`${state}-${index}`)
          assert.ok(reply.state === state, `the key is ${reply.state}, not ${state}`)
          assert.deepEqual([reply.principal, reply.fingerprint], [text, text], `on ${state}`)
        }
      }
    }),
    storeCase(
      options,
      'principals and fingerprints: an absent fingerprint stays absent',
      async trial => {
        await trial.take('running', 'a', { fingerprint: null })
        await trial.spend('spent', 'a', { fingerprint: null })
        await trial.fallSilent('undecided', 'a', { fingerprint: null })
        for (const state of ['running', 'spent', 'undecided'] as const) {
          const reply = await trial.read(state)
          assert.ok(reply.state === state, `the key is ${reply.state}, not ${state}`)
          assert.equal(reply.fingerprint, null, `the fingerprint of a ${state} key`)
        }
      },
    ),
  ]
}

function aliases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, "outcome: the caller's buffers stay the caller's", async trial => {
      const body = new TextEncoder().encode('mine')
      await trial.spend('key', 'a', {}, { head: HEAD, body })
      body.fill(0)
      const first = await trial.read('key')
      assert.ok(first.state === 'spent' && first.outcome.body !== null, 'the body is there')
      assert.equal(Buffer.from(first.outcome.body).toString(), 'mine', 'the bytes were copied in')
      first.outcome.body.fill(0)
      await trial.expectOutcome('key', { head: HEAD, body: Buffer.from('mine') }, 'read again')
    }),
  ]
}
