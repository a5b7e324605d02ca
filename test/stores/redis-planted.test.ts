/**
 * The suites are shown to see: each of these stores runs one script with a check taken out, and
 * cases of the contract must fail on it.
 */
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { bucketOf, type Store } from '../../lib/engine/store.js'
import * as scripts from '../../lib/stores/redis/scripts.js'
import { type RedisClient, redisStore } from '../../lib/stores/redis.js'
import { storeContract } from '../../lib/testing/store-contract.js'
import { describeWith } from '../support/servers/programs.js'
import { type RedisServer, startRedis, until } from '../support/servers/redis-server.js'
import { makeClaim } from './helpers/claims.js'
import { failuresOf } from './helpers/plain-options.js'
import { redisContract, type Setup } from './helpers/redis-clients.js'

interface Fault {
  readonly script: scripts.RedisScript
  readonly check: string
  readonly instead: string
  /** Beginnings of the titles that must fail. */
  readonly titles: readonly string[]
}

const OWNER = 'owner ~= ARGV[1]'

const FAULTS: Readonly<Record<string, Fault>> = {
  'claims without the epoch': {
    script: scripts.CLAIM,
    check: "if epoch ~= '' then",
    instead: 'if false then',
    titles: ['claim: a token of another epoch', 'epoch: emptied under', 'epoch: a rotation'],
  },
  'claims late': {
    script: scripts.CLAIM,
    check: 'if now > claimBy then',
    instead: 'if false then',
    titles: ['claim: a late one is refused', 'claim: late comes before'],
  },
  'claims what is running in its lease': {
    script: scripts.CLAIM,
    check: 'if mark and lease > now then',
    instead: 'if false then',
    titles: ['claim: a free key is claimed, and running', '[RACE-01] [RACE-03]'],
  },
  'never lets a lease end': {
    script: scripts.READ,
    check: 'if lease > now then',
    instead: 'if true then',
    titles: ['lease: it ends by itself', 'lease: lapsed in doubt'],
  },
  'replaces whatever is spent': {
    script: scripts.CLAIM,
    check: 'markOf() ~= ARGV[9]',
    instead: 'false',
    titles: ['replaces: another record than it names'],
  },
  'does not know its own claim': {
    script: scripts.CLAIM,
    check: 'if holder ~= owner then',
    instead: 'if true then',
    titles: ['[STORE-05] claim: sent twice'],
  },
  'completes for anybody': {
    script: scripts.COMPLETE,
    check: OWNER,
    instead: 'false',
    titles: ['complete: a stranger', '[LOCK-01] complete: after a take-over'],
  },
  'completes again for anybody': {
    script: scripts.COMPLETE,
    check: 'markOf() == ARGV[2]',
    instead: 'true',
    titles: ['complete: a stranger', 'settle: afterwards the silent owner'],
  },
  'attaches for anybody': {
    script: scripts.ATTACH,
    check: 'markOf() ~= ARGV[1]',
    instead: 'false',
    titles: ['attachBody: a stranger', 'attachBody: nobody else may'],
  },
  'renews for anybody': {
    script: scripts.RENEW,
    check: OWNER,
    instead: 'false',
    titles: ['renew: a stranger', 'renew: it never takes a key'],
  },
  'marks for anybody': {
    script: scripts.MARK,
    check: OWNER,
    instead: 'false',
    titles: ['mark: a stranger', "mark: another owner's claim"],
  },
  'releases for anybody': {
    script: scripts.RELEASE,
    check: OWNER,
    instead: 'false',
    titles: ['release: a stranger', '[LOCK-01] release: sent again late'],
  },
  'settles what is running': {
    script: scripts.SETTLE,
    check: 'lease > now',
    instead: 'false',
    titles: ["settle: only while it is undecided and the expected owner's"],
  },
}

describeWith(['redis-server'], 'a redisStore with a check taken out', () => {
  let server: RedisServer
  let client: Redis
  beforeEach(async () => {
    server = await startRedis({ persistence: 'everysec' })
    client = new Redis(server.port, { retryStrategy: () => 20 })
    client.on('error', () => {})
    await until(async () => client.status === 'ready', 'the client')
  })
  afterEach(async () => {
    client.disconnect()
    await server.remove()
  })

  for (const [name, fault] of Object.entries(FAULTS)) {
    it(`is caught when it ${name}`, async () => {
      const setup: Setup = {
        client: spoil(client, fault),
        servers: [server],
        end: () => {},
        remove: async () => {},
      }
      const wanted = storeContract(redisContract(() => setup)).filter(({ title }) =>
        fault.titles.some(beginning => title.startsWith(beginning)),
      )
      expect(wanted.length).to.be.at.least(fault.titles.length)
      const failed = (await failuresOf(wanted)).map(({ title }) => title)
      expect(failed).to.deep.equal(wanted.map(({ title }) => title))
    })
  }

  it('without a look at the replication id runs what may have run before', async () => {
    const states: string[] = []
    const check = 'string.sub(stored, 14) ~= id'
    const blind = { script: scripts.CLAIM, check, instead: 'false', titles: [] }
    for (const each of [client, spoil(client, blind)]) {
      const store = redisStore({ client: each })
      const claim = await tokenFor(store)
      await server.stop()
      await server.start()
      await until(async () => client.status === 'ready', 'the client')
      states.push((await store.claim('key', claim)).state)
      await store.close()
    }
    expect(states).to.deep.equal(['wrong-epoch', 'claimed'])
  })
})

async function tokenFor(store: Store) {
  const { nowMs, epochs } = await store.epoch()
  return makeClaim(nowMs, { epoch: epochs[bucketOf('key', epochs.length)] ?? null })
}

type Send = (...args: unknown[]) => Promise<unknown>

/** A client that sends another text in the place of one script, and of the same for many. */
function spoil(client: Redis, { script, check, instead }: Fault): RedisClient {
  const spoilt = new Map<unknown, string>()
  for (const each of script.together === undefined ? [script] : [script, script.together]) {
    const text = each.text.replace(check, instead)
    if (text === each.text) throw new Error(`the script has no ${check}`)
    spoilt.set(each.sha, text)
  }
  const methods = client as unknown as Record<'evalshaBuffer' | 'evalBuffer', Send>
  const evalshaBuffer: Send = (sha, ...rest) => {
    const text = spoilt.get(sha)
    if (text !== undefined) return methods.evalBuffer(text, ...rest)
    return methods.evalshaBuffer(sha, ...rest)
  }
  return new Proxy(client, {
    get: (target, name) => {
      if (name === 'evalshaBuffer') return evalshaBuffer
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
