/** Every shop of this folder, judged by everything that `poe check` asks, on shared stores too. */
import { expect } from 'chai'
import { sideBySide } from '../../test/support/side-by-side.js'
import { INSTALLED_STORES, openStore, type StoreKind } from '../../test/support/stores.js'
import { judge, SERVERS, type ServerName, unlike } from './judged.js'

/** Express and Fastify read contents first; a fetch server hides the question. */
const MAY_WARN: Readonly<Record<ServerName, readonly string[]>> = {
  node: [],
  express: ['H-100-1/spent'],
  fastify: ['H-100-1/spent'],
  hono: ['H-100-1/spent'],
}

/** No server sees which store it is on: each is judged on one. */
const ON: Readonly<Record<StoreKind, readonly ServerName[]>> =
  process.env.POE_TEST_WHOLE === '1'
    ? { memory: SERVERS, sqlite: ['express', 'fastify'], redis: ['node', 'hono'], postgres: [] }
    : { memory: ['node', 'express'], sqlite: ['fastify'], redis: ['hono'], postgres: [] }

describe('[POE-2-1] other frameworks, judged by every profile', function () {
  this.timeout(300_000)

  const all = INSTALLED_STORES.flatMap(kind => ON[kind].map(name => ({ kind, name })))
  const told = new Map<string, readonly string[]>()

  before('several of them side by side: they mostly wait', async () => {
    await sideBySide(all, 5, judgeOne)
  })

  async function judgeOne({ kind, name }: { kind: StoreKind; name: ServerName }): Promise<void> {
    const { store, discard } = await openStore(kind)
    try {
      const reports = await judge(name, store, { profile: 'safe', rounds: 2 })
      const lines = [...reports].flatMap(([door, report]) => [
        `${door} ${report.verdict}`,
        ...unlike(report).filter(line => !MAY_WARN[name].some(id => line.startsWith(`warn ${id}`))),
      ])
      told.set(nameOf({ kind, name }), lines)
    } finally {
      await discard()
    }
  }

  for (const each of all) {
    it(nameOf(each), () => {
      expect(told.get(nameOf(each))).to.deep.equal([
        'poe conformant',
        'idempotency-key conformant',
        'action-id conformant',
        'conditional conformant',
      ])
    })
  }
})

function nameOf({ kind, name }: { kind: StoreKind; name: ServerName }): string {
  return `${name} on ${kind}`
}
