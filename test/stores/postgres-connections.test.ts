/** A connection that ends, whenever that is, ends a call and never the process. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import pg from 'pg'
import { postgresStore } from '../../lib/stores/postgres.js'
import { until } from '../support/meeting.js'
import { startPostgres, startStandby } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { movingAddress } from './helpers/moving-address.js'

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    error => String(error.code),
  )

/** A message of a PostgreSQL server. */
function message(type: string, content: Buffer): Buffer {
  const head = Buffer.from(`${type}....`)
  head.writeInt32BE(content.length + 4, 1)
  return Buffer.concat([head, content])
}

/** Lets everybody in, and is shut down in the same moment. */
function greetAndEnd(socket: Socket): void {
  socket.on('error', () => {})
  socket.once('data', () => {
    const reason = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0'
    socket.end(
      Buffer.concat([
        message('R', Buffer.alloc(4)),
        message('Z', Buffer.from('I')),
        message('E', Buffer.from(reason)),
      ]),
    )
  })
}

describe('a PostgreSQL connection that ends as soon as it is there', () => {
  let server: Server
  let pool: pg.Pool
  beforeEach(async () => {
    server = createServer(greetAndEnd).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    pool = new pg.Pool({ host: '127.0.0.1', port, user: 'a', database: 'a', password: 'a' })
  })
  afterEach(async () => {
    await pool.end()
    server.close()
  })

  it('[FALSE-4560] ends the call, and not the process', async () => {
    const store = postgresStore({ pool })
    expect(await codeOf(store.epoch())).to.equal('ERR_POE_STORE_DOWN')
    const { handle } = store.transaction('key', 'owner')
    expect(await codeOf(handle.query('SELECT 1'))).to.equal('ERR_POE_STORE_DOWN')
    expect(await codeOf(store.migrate())).to.equal('ERR_POE_STORE_DOWN')
    await store.close()
  })
})

describeWith(['postgres', 'initdb'], 'an address that leads to a standby at first', () => {
  it('[FALSE-4565] once it leads to the primary, the store is there', async () => {
    const primary = await startPostgres()
    const standby = await startStandby(primary)
    const front = await movingAddress(standby.port)
    const { port } = front
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    const own = new pg.Pool({ connectionString: primary.url })
    const store = postgresStore({ pool })
    try {
      await postgresStore({ pool: own }).migrate()
      const there = 'SELECT FROM pg_namespace WHERE nspname = $1'
      await until(async () => (await standby.query(there, ['poe'])).rowCount === 1, 'it follows')
      expect(await codeOf(store.epoch())).to.equal('ERR_POE_STORE_CONFIG')
      expect(await codeOf(store.rotateEpoch())).to.equal('ERR_POE_STORE_CONFIG')
      front.moveTo(primary.port)
      expect(await codeOf(store.epoch())).to.equal('none')
    } finally {
      await store.close()
      await pool.end()
      await own.end()
      front.close()
      await standby.remove()
      await primary.remove()
    }
  })
})

describeWith(['postgres', 'initdb'], 'a PostgreSQL server that dies in a migration', () => {
  it('[FALSE-4560] fails the migration, and the process lives', async () => {
    const server = await startPostgres()
    const pool = new pg.Pool({ connectionString: server.url })
    const other = await pool.connect()
    other.on('error', () => {})
    const store = postgresStore({ pool })
    try {
      // What a migration begins with, so that it waits.
      await other.query('SELECT pg_advisory_lock(1886350693, 0)')
      const migrated = codeOf(store.migrate())
      const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted'
      await until(async () => (await other.query(waiting)).rowCount === 1, 'it waits')
      await server.kill()
      expect(await migrated).to.equal('ERR_POE_STORE_DOWN')
    } finally {
      other.release(true)
      await store.close()
      await pool.end()
      await server.remove()
    }
  })
})
