/**
 * An older release and this one beside each other on one store, as while servers are replaced one
 * after the other: what one has minted, claimed, recorded or left in doubt is the other's too. Each
 * is a process of its own; both ways, on each durable store.
 *
 * @see decision 0036
 */
import { expect } from 'chai'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Store, StoredOutcome } from '../../lib/engine/store.js'
import { expectProblem } from '../support/answers.js'
import { until } from '../support/meeting.js'
import { hasOlderRelease, type OlderRelease, olderRelease } from '../support/older-release.js'
import { makeSite, type ServerProcess, type Site } from '../support/server-process.js'
import type { ServerStore } from '../support/server-program.js'
import { emptyServerStore } from '../support/server-stores.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { INSTALLED_STORES } from '../support/stores.js'

const KINDS = (['sqlite', 'redis', 'postgres'] as const).filter(kind =>
  INSTALLED_STORES.includes(kind),
)
const LINKS = 20
const LEASE_MS = 500
const DECIDED: StoredOutcome = { head: '[201,[["location","/orders/9"]],"n"]', body: null }

/** Opens a release's store: its module is loaded from that release's tree. */
type OpenStore = () => Promise<Store<unknown>>
type Servers = Readonly<Record<'older' | 'newer', ServerProcess>>

const describeBoth = hasOlderRelease() ? describe : () => {}

describeBoth('two releases on one store', () => {
  let older: OlderRelease
  before(() => {
    older = olderRelease()
  })
  after(() => older?.remove())

  for (const kind of KINDS) {
    describe(kind, () => {
      let site: Site
      let server: ServerStore | undefined
      let servers: Servers
      const closing: (() => unknown)[] = []

      const serveBoth = async (transactional = false): Promise<Servers> => {
        const options = { leaseMs: LEASE_MS, waitMs: 0, transactional }
        const [before, newer] = await Promise.all([site.serve(options, older), site.serve(options)])
        return { older: before, newer }
      }
      before(async () => {
        server = kind === 'sqlite' ? undefined : await emptyServerStore(kind)
        site = makeSite(server)
        servers = await serveBoth()
      })
      after(async () => {
        for (const close of closing.splice(0)) await close()
        await site?.close()
      })

      const stores: Readonly<Record<'older' | 'newer', OpenStore>> = {
        older: () => openStore(path => older.load(path)),
        newer: () => openStore(path => import(`../../${path}`)),
      }
      const openStore = async (
        load: (path: string) => Promise<Record<string, unknown>>,
      ): Promise<Store<unknown>> => {
        const module = await load(`lib/stores/${kind}.ts`)
        const make = module[`${kind}Store`] as (given: unknown) => Store<unknown>
        const store = make(await given())
        closing.unshift(() => store.close())
        return store
      }
      const given = async (): Promise<unknown> => {
        if (server === undefined) return site.file
        if (server.kind === 'redis') {
          const client = new Redis(server.url)
          closing.push(() => client.disconnect())
          await client.ping()
          return { client, prefix: server.name }
        }
        const pool = new pg.Pool({ connectionString: server.url })
        closing.push(() => pool.end())
        return { pool, schema: server.name }
      }
      const keyOf = (link: string): string => {
        const key = site.effects().find(each => isOf(each, link))
        if (key === undefined) throw new Error(`${link} had no effect`)
        return key
      }

      for (const [first, second] of [
        ['older', 'newer'],
        ['newer', 'older'],
      ] as const) {
        it(`[UPG-01] what the ${first} minted and recorded, the ${second} tells`, async () => {
          const [made, asked] = [servers[first], servers[second]]
          const [link = '', unspent = ''] = await made.links(2)
          const answer = await made.send('POST', link)
          expect(answer.status).to.equal(201)
          const { result } = await expectProblem(await asked.send('POST', link), 405, 'used')
          expect(result).to.equal(answer.headers.get('Location'))
          const told = await asked.send('GET', link)
          expect([told.status, await told.text()]).to.deep.equal([200, await answer.text()])
          expect((await asked.send('POST', unspent)).status).to.equal(201)
          expect((await made.send('GET', unspent)).status).to.equal(200)

          const name = `keyed by the ${first}`
          const fields = { 'Idempotency-Key': `"${first}"`, 'X-Op': name }
          const keyed = await made.send('POST', '/keys', fields)
          const again = await asked.send('POST', '/keys', fields)
          expect([keyed.status, again.status]).to.deep.equal([201, 201])
          expect(await again.text()).to.equal(await keyed.text())
          expect(site.effects().filter(key => key === name)).to.have.lengthOf(1)
        })

        it(`[UPG-01] what the ${first} left in doubt, the ${second} decides`, async () => {
          const { [first]: dies, [second]: stays } = await serveBoth()
          const links = await dies.links(2)
          const [happened = '', not = ''] = links
          const lost = links.map(link =>
            dies.send('POST', link, { 'X-After': '60000' }).catch(() => null),
          )
          await until(() => links.every(link => site.effectsOf(link) === 1), 'both effects')
          await expectProblem(await stays.send('POST', happened), 409, 'running')
          await dies.kill()
          expect(await Promise.all(lost)).to.deep.equal([null, null])
          const isLapsed = async (): Promise<boolean> => {
            const types = await Promise.all(links.map(link => typeAt(stays, link)))
            return types.every(type => type.endsWith(':undecided'))
          }
          await until(isLapsed, 'undecided')

          const store = await stores[second]()
          const { records } = await store.list({ state: 'undecided' })
          expect(records.map(({ key }) => key)).to.have.members(links.map(keyOf))
          for (const { key, owner } of records) {
            const verdict = key === keyOf(not) ? 'free' : DECIDED
            expect((await store.settle(key, owner, verdict)).state).to.equal('ok')
          }
          const told = await stays.send('GET', happened)
          expect([told.status, told.headers.get('Location')]).to.deep.equal([303, '/orders/9'])
          expect((await stays.send('POST', not)).status).to.equal(201)
        })
      }

      for (const transactional of kind === 'redis' ? [false] : [false, true]) {
        const title = transactional ? 'in transactions' : 'with effects elsewhere'
        it(`[UPG-02] races at one link, ${title}: one wins, one effect`, async () => {
          const { older: before, newer } = transactional ? await serveBoth(true) : servers
          const links = [...(await before.links(LINKS / 2)), ...(await newer.links(LINKS / 2))]
          await Promise.all(links.map(link => race(link, [before, newer, before, newer])))
          const keys = await effectsIn(site, transactional ? server : undefined)
          for (const link of links) {
            const own = keys.filter(key => isOf(key, link))
            expect(own, link).to.have.lengthOf(1)
          }
        })
      }
    })
  }
})

/** Posts to a link at each server at once. */
async function race(link: string, servers: readonly ServerProcess[]): Promise<void> {
  const answers = await Promise.all(servers.map(each => each.send('POST', link)))
  const statuses = answers.map(({ status }) => status).toSorted()
  await Promise.all(answers.map(each => each.arrayBuffer()))
  expect(
    statuses.filter(status => status === 201),
    String(statuses),
  ).to.have.lengthOf(1)
  for (const status of statuses.slice(1)) expect(status).to.be.oneOf([405, 409])
}

/** The keys of all effects: in a ledger and the sqlite file, or in the store's own database. */
async function effectsIn(site: Site, server: ServerStore | undefined): Promise<string[]> {
  if (server === undefined) return site.effects()
  const { query } = await sharedPostgres()
  const { rows } = await query(`SELECT key FROM ${server.name}.effect`)
  return rows.map(row => String(row.key))
}

/** A record's key is its route, a colon and the nonce, which stands in the link too. */
function isOf(key: string, link: string): boolean {
  return link.includes(key.slice(key.indexOf(':') + 1))
}

async function typeAt(server: ServerProcess, link: string): Promise<string> {
  const { type } = (await (await server.send('GET', link)).json()) as { type: string }
  return type
}
