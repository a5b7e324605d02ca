/**
 * The shop in Redis: an order is one command, and the mark of its link another. What happens
 * between the two is an external effect: a shop that dies there leaves the link undecided.
 */
import { redisStore } from 'post-once-exactly/stores/redis'
import { createClient } from 'redis'
import { LIST_LIMIT, type Order, type OrderBook } from './orders.js'
import type { EntryKind, SideBook } from './side-book.js'
import type { Storage } from './storage.js'

/** A list: an order's number is its place, and adding one is a single command. */
const ORDERS = 'shop:orders'
/** How far back a user's own orders are looked for. */
const LOOKED_AT = 1_000
/** How long a command of the shop's own may take, in milliseconds: then the answer is 503. */
const COMMAND_MS = 3_000

/** Connects. */
export async function openRedis(url: string): Promise<Storage> {
  const client = makeClient(url)
  client.on('error', () => {})
  await connect(client)
  const store = redisStore({ client })
  const close = async () => {
    await store.close()
    client.destroy()
  }
  try {
    // Says at the start what is wrong with the server's settings.
    await store.epoch()
  } catch (error) {
    await close()
    throw error
  }
  return { store, book: listBook(client), side: sideBook(client), close }
}

type Client = ReturnType<typeof makeClient>

function makeClient(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: 2_000, reconnectStrategy: tries => Math.min(50 * 2 ** tries, 500) },
  })
}

async function connect(client: Client): Promise<void> {
  const timer = setTimeout(() => client.destroy(), COMMAND_MS)
  try {
    await client.connect()
  } catch (cause) {
    throw new Error('No connection to Redis.', { cause })
  } finally {
    clearTimeout(timer)
  }
}

function listBook(client: Client): OrderBook {
  return {
    transactional: false,
    async add(order) {
      const id = await bounded(client.rPush(ORDERS, JSON.stringify(order)))
      return { id, ...order }
    },
    async list(user) {
      const count = await bounded(client.lLen(ORDERS))
      const first = Math.max(0, count - LOOKED_AT)
      const texts = await bounded(client.lRange(ORDERS, first, count - 1))
      const orders = texts.map((text, index) => orderOf(first + index + 1, text))
      const own = orders.filter(order => order.user === user)
      return own.reverse().slice(0, LIST_LIMIT)
    },
    async find(id, user) {
      const text = await bounded(client.lIndex(ORDERS, id - 1))
      const order = text === null || id < 1 ? null : orderOf(id, text)
      return order?.user === user ? order : null
    },
    async count() {
      return await bounded(client.lLen(ORDERS))
    },
  }
}

/** A hash for each kind, by name or by a counter's number; and one for the stock of each sku. */
function sideBook(client: Client): SideBook {
  const entries = (kind: EntryKind) => `shop:${kind}`
  const stock = (sku: string) => `shop:stock:${sku}`
  return {
    async add(entry) {
      const { kind, user, name, content } = entry
      const id = await bounded(client.incr('shop:entries'))
      await bounded(client.hSet(entries(kind), name ?? String(id), JSON.stringify([user, content])))
      return { id, ...entry }
    },
    async remove(kind, name) {
      await bounded(client.hDel(entries(kind), name))
    },
    async find(kind, id, user) {
      const text = await bounded(client.hGet(entries(kind), String(id)))
      if (text === null || text === undefined) return null
      const [owner, content] = JSON.parse(text) as [string, unknown]
      return owner === user ? { id, kind, user, name: null, content } : null
    },
    count: kind => bounded(client.hLen(entries(kind))),
    async stock(sku) {
      const { quantity = 0, version = 0 } = await bounded(client.hGetAll(stock(sku)))
      return { quantity: Number(quantity), version: Number(version) }
    },
    async addStock(sku, add) {
      const both = client.multi().hIncrBy(stock(sku), 'quantity', add)
      const [quantity, version] = await bounded(both.hIncrBy(stock(sku), 'version', 1).exec())
      return { quantity: Number(quantity), version: Number(version) }
    },
  }
}

function orderOf(id: number, text: string): Order {
  return { id, ...(JSON.parse(text) as Omit<Order, 'id'>) }
}

/** A server that says nothing must not hold the visitor for ever. */
function bounded<Reply>(reply: Promise<Reply>): Promise<Reply> {
  const late = AbortSignal.timeout(COMMAND_MS)
  const isLate = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error('Redis gave no answer in time.')))
  })
  return Promise.race([reply, isLate])
}
