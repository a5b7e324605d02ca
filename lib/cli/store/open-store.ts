/**
 * Opens the store that a command is told of. Looking at a store never makes one, and no password of
 * its URL is ever printed.
 */
import { existsSync } from 'node:fs'
import type { Store } from '../../engine/store.js'
import type { StoreAdmin } from '../../engine/store-admin.js'
import { fromWhereTyped } from '../arguments.js'
import { Misuse, type Terminal } from '../command.js'
import { missingDriver } from '../missing-driver.js'

/** Which store is meant. */
export interface StoreAddress {
  readonly kind: 'sqlite' | 'redis' | 'postgres'
  /** A path, or the URL. */
  readonly place: string
  /** As it may be shown. */
  readonly name: string
  /** Of Redis keys. */
  readonly prefix: string
  /** Of PostgreSQL. */
  readonly schema: string
  /** What must not be printed. */
  readonly hidden: readonly string[]
}

/** A store that is open. */
export interface OpenedStore {
  readonly store: Store<unknown>
  readonly admin: StoreAdmin
  close(): Promise<void>
}

/** The store is not there, or cannot be used; the message is for the operator. */
export class NoStore extends Error {
  override readonly name = 'NoStore'
}

const WANTED =
  'sqlite:<file>, redis://host:port, rediss://host:port or postgres://user@host/database'

/**
 * Reads which store is meant.
 *
 * @throws Misuse that never quotes a URL
 */
export function readAddress(
  given: { readonly store?: string; readonly prefix?: string; readonly schema?: string },
  terminal: Terminal,
): StoreAddress {
  const url = given.store ?? terminal.env.POE_STORE ?? ''
  const { prefix = 'poe', schema = 'poe' } = given
  const rest = { prefix, schema }
  if (url === '') throw new Misuse(`Give --store, or set POE_STORE: ${WANTED}.`)
  if (/^memory:/.test(url)) {
    throw new Misuse(
      'A memory store lives in its own process: no other can look into it. Ask the server by ' +
        '`once.status()`, `once.undecided()` and `once.settle()`.',
    )
  }
  const file = /^sqlite:(.+)$/s.exec(url)?.[1]
  if (file !== undefined) {
    const place = fromWhereTyped(file, terminal)
    return { kind: 'sqlite', place, name: `sqlite:${place}`, ...rest, hidden: [] }
  }
  const kind = /^rediss?:\/\//.test(url)
    ? 'redis'
    : /^postgres(?:ql)?:\/\//.test(url)
      ? 'postgres'
      : null
  if (kind === null || !URL.canParse(url)) throw new Misuse(`--store takes ${WANTED}.`)
  if (kind === 'redis' && !/^\/?\d*$/.test(new URL(url).pathname)) {
    throw new Misuse('At the end of a redis:// URL stands the number of the database, or nothing.')
  }
  return { kind, place: url, name: nameOf(new URL(url)), ...rest, hidden: secretsOf(new URL(url)) }
}

/**
 * Opens it.
 *
 * @throws NoStore where there is none, or its driver is not installed
 * @throws what the store throws where it cannot be reached
 */
export async function openStore(address: StoreAddress): Promise<OpenedStore> {
  try {
    switch (address.kind) {
      case 'sqlite':
        return await openFile(address)
      case 'redis':
        return await openRedis(address)
      case 'postgres':
        return await openPostgres(address)
    }
  } catch (error) {
    const missing = missingDriver(error)
    throw missing === null ? error : new NoStore(missing)
  }
}

/** A message of others, without what must not be printed. */
export function withoutSecrets(text: string, { hidden }: StoreAddress): string {
  return hidden.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}

async function openFile({ place }: StoreAddress): Promise<OpenedStore> {
  if (!existsSync(place)) throw new NoStore(`There is no file ${place}.`)
  const { holdsStore } = await import('../../stores/sqlite/find-store.js')
  if (!holdsStore(place)) {
    throw new NoStore(`${place} holds no store: no server has used it as its sqliteStore.`)
  }
  const { sqliteStore } = await import('../../stores/sqlite.js')
  const store = sqliteStore({ file: place, lockWaitMs: 10_000 })
  return { store, admin: store.admin, close: () => store.close() }
}

async function openRedis({ place, prefix }: StoreAddress): Promise<OpenedStore> {
  const { openClient } = await import('../../stores/redis/open-client.js')
  const { redisStore } = await import('../../stores/redis.js')
  const opened = await openClient(place)
  try {
    const store = redisStore({ client: opened.client, prefix })
    if (!(await opened.hasStore(prefix)) || store.admin === undefined) {
      throw new NoStore(
        `It holds no store under the prefix '${prefix}'. Give --prefix, or the number of ` +
          'the database at the end of the URL.',
      )
    }
    const close = async () => {
      await store.close()
      opened.end()
    }
    return { store, admin: store.admin, close }
  } catch (error) {
    opened.end()
    throw error
  }
}

async function openPostgres({ place, schema }: StoreAddress): Promise<OpenedStore> {
  const { postgresStore } = await import('../../stores/postgres.js')
  const { connectionPool } = await import('../../stores/postgres/driver.js')
  const pool = connectionPool(place)
  // A look may take long, and would wait as long for a server that says nothing.
  const first = await pool.connect().catch(async (error: unknown) => {
    await pool.end()
    throw error
  })
  first.release()
  const store = postgresStore({ pool, schema, connections: 2 })
  const close = async () => {
    await store.close()
    await pool.end()
  }
  return { store, admin: store.admin, close }
}

function nameOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

/** The password, as it stands there and as it is meant; one among the parameters; the whole. */
function secretsOf(url: URL): string[] {
  const given = [
    url.password,
    ...['password', 'sslpassword'].map(name => url.searchParams.get(name)),
  ]
  const secrets = given.flatMap(secret => [secret ?? '', decoded(secret ?? '')])
  // An address without anything secret is its own name, and is shown.
  const open = ['', nameOf(url)]
  return [...new Set([url.href, ...secrets])].filter(secret => !open.includes(secret))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
