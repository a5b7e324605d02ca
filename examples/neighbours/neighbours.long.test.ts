/** Every shop of this folder, judged by everything that `poe check` asks, on shared stores too. */
import { expect } from 'chai'
import { INSTALLED_STORES, openStore, type StoreKind } from '../../test/support/stores.js'
import { judge, SERVERS, type ServerName, unlike } from './judged.js'

/** Express and Fastify read contents first; a fetch server hides the question. */
const MAY_WARN: Readonly<Record<ServerName, readonly string[]>> = {
  node: [],
  express: ['H-100-1/spent'],
  fastify: ['H-100-1/spent'],
  hono: ['H-100-1/spent'],
}

const KINDS = INSTALLED_STORES.filter(kind => kind !== 'postgres')

describe('[POE-2-1] the neighbours, judged by every profile', function () {
  this.timeout(300_000)

  const all = KINDS.flatMap(kind => SERVERS.map(name => ({ kind, name })))
  const told = new Map<string, readonly string[]>()

  before('all of them side by side: they mostly wait', async () => {
    await Promise.all(all.map(each => told.set(nameOf(each), []) && judgeOne(each)))
  })

  async function judgeOne({ kind, name }: { kind: StoreKind; name: ServerName }): Promise<void> {
    const { store, discard } = await openStore(kind)
    try {
      const reports = await judge(name, store, { profile: 'safe', rounds: 3 })
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
