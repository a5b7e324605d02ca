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
import type { ListedRecord, ListReply, Store, StoredOutcome } from '../../lib/engine/store.js'
import { expectProblem } from '../support/answers.js'
import { until } from '../support/meeting.js'
import { hasOlderRelease, type OlderRelease, olderRelease } from '../support/older-release.js'
import { makeSite, type ServerProcess, type Site } from '../support/server-process.js'
import type { ProgramOptions, ServerStore } from '../support/server-program.js'
import { emptyServerStore } from '../support/server-stores.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { INSTALLED_STORES } from '../support/stores.js'

const KINDS = (['sqlite', 'redis', 'postgres'] as const).filter(kind =>
  INSTALLED_STORES.includes(kind),
)
const LINKS = 20
const LEASE_MS = 500
const DECIDED: StoredOutcome = { head: '[201,[["location","/orders/9"]],"n"]', body: null }

type Servers = Readonly<Record<'older' | 'newer', ServerProcess>>
type Module = Record<string, unknown>

/** What the tests of one kind of store share: both releases, and a site that they serve. */
class Both {
  readonly kind: 'sqlite' | 'redis' | 'postgres'
  readonly #older: OlderRelease
  readonly #closing: (() => unknown)[] = []
  site: Site = makeSite()
  server: ServerStore | undefined

  constructor(kind: Both['kind'], older: OlderRelease) {
    this.kind = kind
    this.#older = older
  }

  async open(): Promise<void> {
    if (this.kind === 'sqlite') return
    await this.site.close()
    this.server = await emptyServerStore(this.kind)
    this.site = makeSite(this.server)
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close()
    await this.site.close()
  }

  async serve(wishes: Partial<ProgramOptions> = {}): Promise<Servers> {
    const [older, newer] = await Promise.all([
      this.serveOne('older', wishes),
      this.serveOne('newer', wishes),
    ])
    return { older, newer }
  }

  serveOne(release: keyof Servers, wishes: Partial<ProgramOptions>): Promise<ServerProcess> {
    const options = { waitMs: 0, ...wishes }
    return this.site.serve(options, release === 'older' ? this.#older : undefined)
  }

  /** Opens a release's store: its module is loaded from that release's tree. */
  async store(release: keyof Servers): Promise<Store<unknown>> {
    const path = `lib/stores/${this.kind}.ts`
    const load = (): Promise<Module> =>
      release === 'older' ? this.#older.load(path) : import(`../../${path}`)
    const make = (await load())[`${this.kind}Store`] as (given: unknown) => Store<unknown>
    const store = make(await this.#given())
    this.#closing.unshift(() => store.close())
    return store
  }

  async #given(): Promise<unknown> {
    const { server } = this
    if (server === undefined) return this.site.file
    if (server.kind === 'redis') {
      const client = new Redis(server.url)
      this.#closing.push(() => client.disconnect())
      await client.ping()
      return { client, prefix: server.name }
    }
    const pool = new pg.Pool({ connectionString: server.url })
    this.#closing.push(() => pool.end())
    return { pool, schema: server.name }
  }

  keyOf(link: string): string {
    const key = this.site.effects().find(each => isOf(each, link))
    if (key === undefined) throw new Error(`${link} had no effect`)
    return key
  }
}

const describeBoth = hasOlderRelease() ? describe : () => {}

describeBoth('two releases on one store', () => {
  let older: OlderRelease
  before(() => {
    older = olderRelease()
  })
  after(() => older?.remove())

  for (const kind of KINDS) {
    describe(kind, () => {
      let both: Both
      let servers: Servers
      before(async () => {
        both = new Both(kind, older)
        await both.open()
        servers = await both.serve()
      })
      after(() => both?.close())

      // One store tells what the ids mean, in a few seconds.
      const [told, raced] = kind === 'sqlite' ? ['[UPG-01] ', '[UPG-02] '] : ['', '']
      for (const [first, second] of [
        ['older', 'newer'],
        ['newer', 'older'],
      ] as const) {
        it(`${told}what the ${first} minted and recorded, the ${second} tells`, () =>
          expectTold(both.site, servers[first], servers[second], first))
        it(`${told}what the ${first} left in doubt, the ${second} decides`, () =>
          expectDecided(both, first, second, servers[second]))
      }

      for (const transactional of kind === 'redis' ? [false] : [false, true]) {
        const title = transactional ? 'in transactions' : 'with effects elsewhere'
        it(`${raced}races at one link, ${title}: one wins, one effect`, async () => {
          const { older: before, newer } = transactional
            ? await both.serve({ transactional })
            : servers
          const links = [...(await before.links(LINKS / 2)), ...(await newer.links(LINKS / 2))]
          await Promise.all(links.map(link => race(link, [before, newer, before, newer])))
          const keys = await effectsIn(both.site, transactional ? both.server : undefined)
          for (const link of links) {
            expect(
              keys.filter(key => isOf(key, link)),
              link,
            ).to.have.lengthOf(1)
          }
        })
      }
    })
  }
})

async function expectTold(
  site: Site,
  made: ServerProcess,
  asked: ServerProcess,
  key: string,
): Promise<void> {
  const [link = '', unspent = ''] = await made.links(2)
  const answer = await made.send('POST', link)
  expect(answer.status).to.equal(201)
  const { result } = await expectProblem(await asked.send('POST', link), 405, 'used')
  expect(result).to.equal(answer.headers.get('Location'))
  const told = await asked.send('GET', link)
  expect([told.status, await told.text()]).to.deep.equal([200, await answer.text()])
  expect((await asked.send('POST', unspent)).status).to.equal(201)
  expect((await made.send('GET', unspent)).status).to.equal(200)

  const name = `keyed by the ${key}`
  const fields = { 'Idempotency-Key': `"${key}"`, 'X-Op': name }
  const keyed = await made.send('POST', '/keys', fields)
  const again = await asked.send('POST', '/keys', fields)
  expect([keyed.status, again.status]).to.deep.equal([201, 201])
  expect(await again.text()).to.equal(await keyed.text())
  expect(site.effects().filter(effect => effect === name)).to.have.lengthOf(1)
}

async function expectDecided(
  both: Both,
  first: keyof Servers,
  second: keyof Servers,
  stays: ServerProcess,
): Promise<void> {
  const dies = await both.serveOne(first, { leaseMs: LEASE_MS })
  const links = await dies.links(2)
  const [happened = '', not = ''] = links
  const lost = links.map(link => dies.send('POST', link, { 'X-After': '60000' }).catch(() => null))
  await until(() => links.every(link => both.site.effectsOf(link) === 1), 'both effects')
  expect((await stays.send('POST', happened)).status).to.equal(409)
  await dies.kill()
  expect(await Promise.all(lost)).to.deep.equal([null, null])
  const isLapsed = async (): Promise<boolean> => {
    const types = await Promise.all(links.map(link => typeAt(stays, link)))
    return types.every(type => type.endsWith(':undecided'))
  }
  await until(isLapsed, 'undecided')

  const store = await both.store(second)
  const records = await undecidedIn(store)
  expect(records.map(({ key }) => key)).to.have.members(links.map(link => both.keyOf(link)))
  for (const { key, owner } of records) {
    const verdict = key === both.keyOf(not) ? 'free' : DECIDED
    expect((await store.settle(key, owner, verdict)).state).to.equal('ok')
  }
  const told = await stays.send('GET', happened)
  expect([told.status, told.headers.get('Location')]).to.deep.equal([303, '/orders/9'])
  expect((await stays.send('POST', not)).status).to.equal(201)
}

/** All that is in doubt: a page is short where the machine is busy. */
async function undecidedIn(store: Store<unknown>): Promise<ListedRecord[]> {
  const records: ListedRecord[] = []
  let cursor: string | null = null
  do {
    const page: ListReply = await store.list({ state: 'undecided', cursor })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== null)
  return records
}

/** Posts to a link at each server at once; where all were too busy, once more. */
async function race(link: string, servers: readonly ServerProcess[]): Promise<void> {
  let statuses: number[] = []
  do {
    const answers = await Promise.all(servers.map(each => each.send('POST', link)))
    statuses = answers.map(({ status }) => status).toSorted()
    await Promise.all(answers.map(each => each.arrayBuffer()))
    for (const status of statuses) expect(status).to.be.oneOf([201, 405, 409, 503])
  } while (!statuses.includes(201) && !statuses.includes(405))
  expect(statuses.lastIndexOf(201), String(statuses)).to.be.at.most(0)
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
