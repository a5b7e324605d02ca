/**
 * The demo shop, judged by the suite as a stranger would judge it: as a process, on each store,
 * killed and started anew where a check asks for it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  CHECKS,
  type ConformanceReport,
  readAdapter,
  runConformance,
  type ServerAdapter,
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
import { partOf } from './parts.js'

const FILE = new URL('../../examples/shop/poe-check.json', import.meta.url)
const FAULTS = { DEMO_FAULTS: '1', DEMO_LEASE_MS: '1000' }
const LIFE_MS = 1_000
/** The store that is judged whole; the others what they have a part in. */
const WHOLE = process.env.POE_TEST_WHOLE === '1' ? /./ : /^sqlite$/

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

/** What a store has a part in: races, what comes while another one runs, and what a kill leaves. */
const OF_STORES = [
  ...CHECKS.filter(one => one.needs?.includes('slow') || one.steps.some(step => 'race' in step)),
  ...CHECKS.filter(({ id }) => ['POE-2-1/restart', 'POE-2-20/crash'].includes(id)),
].map(({ id }) => id)
/** On other stores one of so many other checks is asked, and nothing of links that live shortly. */
const ONE_OF = 9

describe('poe check of the shop', () => {
  const reports = new Map<string, readonly ConformanceReport[]>()

  before('judges it on each store, side by side', async function () {
    this.timeout(240_000)
    await sideBySide(INSTALLED, INSTALLED.length, async store => {
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
      const asked = askedOn(name)
      const isAsked = (id: string) => asked.includes(id)
      const found = Object.fromEntries([...ended].map(([kind, ids]) => [kind, ids.sort()]))
      expect({ skipped: [], ...found }).to.deep.equal({ skipped: skipped.filter(isAsked) })
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

/** The checks that the shop is asked on a store. */
function askedOn(name: string): readonly string[] {
  if (WHOLE.test(name)) return CHECKS.map(({ id }) => id)
  const number = STORES.findIndex(one => one.name === name)
  const short = CHECKS.filter(({ needs }) => needs?.includes('shortLived')).map(({ id }) => id)
  return partOf(CHECKS, OF_STORES, number, ONE_OF).filter(id => !short.includes(id))
}

async function judged(
  { name, isDurable, open }: Backing,
  folder: string,
): Promise<readonly ConformanceReport[]> {
  const env = { ...FAULTS, POE_STORE: await open(folder) }
  let shop = await startShop(env)
  const { origin } = shop
  const lives = { DEMO_LINK_LIFE_MS: String(LIFE_MS) }
  const hasty = WHOLE.test(name) ? await startShop({ ...env, ...lives }) : null
  const restart = async () => {
    shop = await startAgain(shop, env)
  }
  const common = { rounds: 4, ...(isDurable ? { restart } : {}) }
  const links = { url: `${origin}/basket`, adapter: adapterWith(hasty) }
  const reports = [await runConformance({ ...common, ...links, only: askedOn(name) })]
  for (const { door, path, file } of DOOR_STORES.includes(name) ? DOORS : []) {
    const adapter = readAdapter(readFileSync(new URL(file, FILE), 'utf8'))
    const judged = { ...common, rounds: 2, door, adapter, url: origin + path }
    reports.push(await runConformance(judged))
  }
  for (const one of [shop, hasty]) if (one !== null) await end(one.child, 'SIGKILL')
  return reports
}

/** The adapter of the README, and a second process whose links live shortly. */
function adapterWith(hasty: ShopProcess | null): ServerAdapter {
  const adapter = readAdapter(readFileSync(FILE, 'utf8'))
  if (hasty === null) return adapter
  return { ...adapter, shortLived: { url: `${hasty.origin}/basket`, lifeMs: LIFE_MS } }
}

async function startAgain(shop: ShopProcess, env: Record<string, string>): Promise<ShopProcess> {
  await end(shop.child, 'SIGKILL')
  return await startShop({ ...env, PORT: new URL(shop.origin).port })
}
