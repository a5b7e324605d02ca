/**
 * The demo shop, judged by the suite as a stranger would judge it: as a process, on each store,
 * killed and started anew where a check asks for it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  type Adapter,
  type ConformanceReport,
  readAdapter,
  runConformance,
} from 'post-once-exactly/conformance'
import {
  end,
  endLeftovers,
  type ShopProcess,
  startShop,
  withFolder,
} from '../../examples/shop/support.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { areInstalled } from '../support/servers/programs.js'
import { sharedRedis } from '../support/servers/redis-server.js'
import { sideBySide } from '../support/side-by-side.js'

const FILE = new URL('../../examples/shop/poe-check.json', import.meta.url)
const FAULTS = { DEMO_FAULTS: '1', DEMO_LEASE_MS: '1000' }
const LIFE_MS = 400

interface Backing {
  readonly name: string
  readonly needs: readonly string[]
  readonly isDurable: boolean
  readonly open: (folder: string) => Promise<string>
}

const STORES: readonly Backing[] = [
  { name: 'memory', needs: [], isDurable: false, open: async () => 'memory:' },
  {
    name: 'sqlite',
    needs: [],
    isDurable: true,
    open: async folder => `sqlite:${join(folder, 'shop.db')}`,
  },
  {
    name: 'postgres',
    needs: ['postgres', 'initdb'],
    isDurable: true,
    open: async () => (await sharedPostgres()).url,
  },
  {
    name: 'redis',
    needs: ['redis-server'],
    isDurable: true,
    open: async () => (await sharedRedis()).url,
  },
]

/** What does not arise with a shop that answers 201 with content, or 303. */
const NOT_ARISING = [
  'H-LOC-1/target',
  'POE-2-23/sibling',
  'POE-2-23/sibling-first',
  'POE-2-3/condition',
  'POE-2-7/no-content',
  'POE-2-8/cacheable',
  'POE-2-9/empty-created',
  'POE-3-19/exposed',
]
/** Its parser stands behind nothing that could refuse, but a resource cannot know that. */
const WARNED = ['H-100-1/spent']
const RESTARTING = ['POE-2-1/restart', 'POE-2-20/crash', 'POE-2-7/restart', 'POE-A-1/restart']

/** The shop's other doors, and what does not arise at each. */
const DOORS = [
  {
    door: 'idempotency-key',
    path: '/payments',
    file: 'poe-check-payments.json',
    notArising: ['IK-2.1-4/number'],
  },
  {
    door: 'action-id',
    path: '/actions',
    file: 'poe-check-actions.json',
    notArising: ['ACT-01/invalid'],
  },
  { door: 'conditional', path: '/stock/tea', file: 'poe-check-stock.json', notArising: [] },
] as const

/** Where the other doors are judged too: each run takes its restarts. */
const DOOR_STORES: readonly string[] = ['redis']

const INSTALLED = STORES.filter(({ name, needs }) => areInstalled(needs, `the shop on ${name}`))

describe('poe check of the shop', () => {
  const reports = new Map<string, readonly ConformanceReport[]>()

  before('judges it on each store, two at once', async function () {
    this.timeout(240_000)
    await sideBySide(INSTALLED, 2, async store => {
      await withFolder(async folder => {
        reports.set(store.name, await judged(store, folder))
      })
    })
  })
  after(endLeftovers)

  for (const { name, isDurable } of INSTALLED) {
    it(`on ${name} it passes every check that can be asked`, () => {
      const [report] = reports.get(name) ?? []
      const ended = new Map<string, string[]>()
      for (const { id, result, expected, seen } of report?.results ?? []) {
        const isShort = result === 'skipped' || result === 'warn'
        const told = isShort ? id : `${id}: ${expected}, ${seen}`
        ended.set(result, [...(ended.get(result) ?? []), told])
      }
      ended.delete('pass')
      const skipped = [...NOT_ARISING, ...(isDurable ? [] : RESTARTING)].sort()
      const found = Object.fromEntries([...ended].map(([kind, ids]) => [kind, ids.sort()]))
      expect(found).to.deep.equal({ skipped, warn: WARNED })
      expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
    })

    if (!DOOR_STORES.includes(name)) continue
    for (const [index, { door, notArising }] of DOORS.entries()) {
      it(`on ${name} it passes every check of the door ${door}`, () => {
        const report = reports.get(name)?.[index + 1]
        const told = (report?.results ?? [])
          .filter(({ result }) => result !== 'pass')
          .map(({ id, result, seen }) => (result === 'skipped' ? id : `${id}: ${result}, ${seen}`))
        expect(told.sort()).to.deep.equal([...notArising].sort())
        expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
      })
    }
  }
})

async function judged(
  { name, isDurable, open }: Backing,
  folder: string,
): Promise<readonly ConformanceReport[]> {
  const env = { ...FAULTS, POE_STORE: await open(folder) }
  let shop = await startShop(env)
  const { origin } = shop
  const hasty = await startShop({ ...env, DEMO_LINK_LIFE_MS: String(LIFE_MS) })
  const restart = async () => {
    shop = await startAgain(shop, env)
  }
  const common = { rounds: 4, ...(isDurable ? { restart } : {}) }
  const links = { url: `${origin}/basket`, adapter: adapterWith(hasty) }
  const reports = [await runConformance({ ...common, ...links })]
  for (const { door, path, file } of DOOR_STORES.includes(name) ? DOORS : []) {
    const adapter = readAdapter(readFileSync(new URL(file, FILE), 'utf8'))
    const judged = { ...common, rounds: 2, door, adapter, url: origin + path }
    reports.push(await runConformance(judged))
  }
  for (const { child } of [shop, hasty]) await end(child, 'SIGKILL')
  return reports
}

/** The adapter of the README, and a second process whose links live shortly. */
function adapterWith(hasty: ShopProcess): Adapter {
  const shortLived = { url: `${hasty.origin}/basket`, lifeMs: LIFE_MS }
  return { ...readAdapter(readFileSync(FILE, 'utf8')), shortLived }
}

async function startAgain(shop: ShopProcess, env: Record<string, string>): Promise<ShopProcess> {
  await end(shop.child, 'SIGKILL')
  return await startShop({ ...env, PORT: new URL(shop.origin).port })
}
