/**
 * A proxy that sends a POST again by itself: nginx after its time-out, HAProxy after an empty
 * answer. One order comes of it, on every store.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { until } from '../../test/support/meeting.js'
import { sharedPostgres } from '../../test/support/servers/postgres-server.js'
import {
  areInstalled,
  describeWith,
  findProgram,
  freePort,
  listens,
  type ServerChild,
  startProgram,
} from '../../test/support/servers/programs.js'
import { sharedRedis } from '../../test/support/servers/redis-server.js'
import { type Cluster, type ClusterShop, startCluster } from './cluster.js'

const ORDER = JSON.stringify({ sku: 'tea', qty: 1 })
const FAULTS = { DEMO_FAULTS: '1', DEMO_LEASE_MS: '1000' }

interface Backing {
  readonly name: string
  readonly needs: readonly string[]
  /** Whether an order and its link's mark are one transaction. */
  readonly isTransactional: boolean
  open(folder: string): Promise<string>
}

const STORES: readonly Backing[] = [
  {
    name: 'sqlite',
    needs: [],
    isTransactional: true,
    open: async folder => `sqlite:${folder}/shop.db`,
  },
  {
    name: 'postgres',
    needs: ['postgres', 'initdb'],
    isTransactional: true,
    open: async () => (await sharedPostgres()).url,
  },
  {
    name: 'redis',
    needs: ['redis-server'],
    isTransactional: false,
    open: async () => (await sharedRedis()).url,
  },
]

/** An application as its clients see it. */
class Visitor {
  readonly #origin: string
  readonly #user: string

  constructor(origin: string, user: string) {
    this.#origin = origin
    this.#user = user
  }

  async link(): Promise<string> {
    return ((await (await this.#ask('GET', '/basket')).json()) as { link: string }).link
  }

  post(link: string, fault?: string): Promise<Response> {
    return this.#ask('POST', link, {
      'Content-Type': 'application/json',
      ...(fault !== undefined && { 'Demo-Fault': fault }),
    })
  }

  get(path: string): Promise<Response> {
    return this.#ask('GET', path)
  }

  async orders(): Promise<number> {
    return ((await (await this.#ask('GET', '/orders')).json()) as unknown[]).length
  }

  #ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.#origin + path, {
      method,
      headers: { 'X-Demo-User': this.#user, ...headers },
      ...(method === 'POST' && { body: ORDER }),
    })
  }
}

for (const { name, needs, isTransactional, open } of STORES) {
  if (!areInstalled(needs, `proxies before shops on ${name}`)) continue
  describeWith(['nginx', 'haproxy'], `proxies before two shops on ${name}`, () => {
    let folder: string
    let cluster: Cluster
    let haproxy: ServerChild | null = null
    // The first test leaves the shops as they are, the second kills one.
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'once-proxies-'))
      const store = await open(folder)
      cluster = await startCluster({ store, readTimeoutS: 1, findPort: freePort, env: FAULTS })
    })
    after(async () => {
      await haproxy?.end()
      await cluster?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    it('[PX-01] nginx sends a slow POST to the next shop: one order', async () => {
      const visitor = new Visitor(cluster.origin, `px-01-${name}`)
      const link = await visitor.link()
      // Each shop is given a second; who is slow to ask after that has two.
      const first = await visitor.post(link, 'delay=4000')
      expect(first.status, 'while the first shop is still at work').to.be.oneOf([409, 503, 504])
      expect(await visitor.orders(), 'not yet').to.equal(0)
      await until(async () => (await visitor.get(link)).status === 200, 'the order')
      expect((await visitor.post(link)).status).to.equal(405)
      expect(await visitor.orders()).to.equal(1)
    })

    it('[PX-03] HAProxy sends a POST again after a crash: one order', async () => {
      const port = await freePort()
      const config = join(folder, 'haproxy.cfg')
      writeFileSync(config, haproxyConfig(port, cluster))
      haproxy = startProgram(findProgram('haproxy') ?? '', ['-f', config])
      await listens(port)
      const visitor = new Visitor(`http://127.0.0.1:${port}`, `px-03-${name}`)
      const link = await visitor.link()
      const before = await Promise.all(cluster.shops.map(runsOf))
      const sent = visitor.post(link, 'delay=1500')
      await killTheOneAtWork(cluster, before)
      const answer = await sent
      const told = `${answer.status} ${await answer.text()}`
      // An external effect may have happened before the crash: nobody may say yes or no to it.
      expect(answer.status, told).to.equal(isTransactional ? 201 : 409)
      expect(await visitor.orders()).to.equal(isTransactional ? 1 : 0)
      expect((await visitor.post(link)).status).to.equal(isTransactional ? 405 : 409)
    })
  })
}

/** `kill -9` for the shop whose handler was entered. */
async function killTheOneAtWork({ shops }: Cluster, before: readonly number[]): Promise<void> {
  await until(async () => {
    for (const [at, shop] of shops.entries()) {
      if ((await runsOf(shop)) === before[at]) continue
      shop.child.kill('SIGKILL')
      return true
    }
    return false
  }, 'a shop at work')
}

async function runsOf({ port }: ClusterShop): Promise<number> {
  const ledger = await (await fetch(`http://127.0.0.1:${port}/ledger`)).json()
  return (ledger as { runs: number }).runs
}

function haproxyConfig(port: number, { shops }: Cluster): string {
  const servers = shops.map(
    (shop, index) => `  server shop${index} 127.0.0.1:${shop.port} check inter 200 fall 1`,
  )
  return `
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response response-timeout
frontend shop
  bind 127.0.0.1:${port}
  default_backend shops
backend shops
${servers.join('\n')}
`
}
