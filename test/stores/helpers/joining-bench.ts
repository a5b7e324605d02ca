/** What the tests of a joining pool work with: a shop in a database of its own. */
import type pg from 'pg'
import {
  freshDatabase,
  type JoinedShop,
  type JoinedShopOptions,
  openJoinedShop,
} from '../../support/joined-shop.js'

/** Writes an order. */
export const INSERT = 'INSERT INTO shop_orders (sku) VALUES ($1)'

/** The shop, and what is opened beside it. */
export interface JoiningBench {
  /** Empty at the beginning of each test. */
  readonly shop: JoinedShop
  readonly url: string
  /** Pools that are ended after the test. */
  readonly others: pg.Pool[]
  /** Opens another shop for the rest of a test. */
  open(options: JoinedShopOptions): Promise<void>
  /** Posts, and gives the status, the rows that are there afterwards, and how many are spent. */
  outcome(): Promise<[status: number, skus: string[], spent: number]>
}

/** Makes one for the suite that calls. */
export function useJoiningBench(name: string): JoiningBench {
  let url = ''
  let shop: JoinedShop
  let isPlain = false
  const others: pg.Pool[] = []
  const open = async (options?: JoinedShopOptions): Promise<void> => {
    await shop?.close()
    shop = await openJoinedShop(url, options)
    isPlain = options === undefined
  }
  before(async () => {
    url = await freshDatabase(name)
  })
  beforeEach(async () => {
    if (!isPlain) await open()
    await shop.reset()
  })
  afterEach(async () => {
    await Promise.all(others.splice(0).map(pool => pool.end()))
  })
  after(() => shop.close())
  return {
    get shop() {
      return shop
    },
    get url() {
      return url
    },
    others,
    open,
    async outcome() {
      const { status } = await shop.order()
      return [status, await shop.skus(), await shop.spent()]
    },
  }
}

/** Writes an order by a pool or a connection. */
export function put(by: Pick<pg.Pool, 'query'>, sku: string): Promise<pg.QueryResult> {
  return by.query(INSERT, [sku])
}

/** The code of what a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}
