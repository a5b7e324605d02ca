/**
 * The PostgreSQL store: the contract, on each version that is supported, at each of the database's
 * possible defaults, and through PgBouncer.
 */

import { storeContract } from '../../lib/testing/store-contract.js'
import {
  type Bouncer,
  isPackaged,
  type PostgresServer,
  sharedPostgres,
  startBouncer,
  startPostgres,
} from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { PostgresStores, postgresContract } from './helpers/postgres-stores.js'

describeWith(['postgres', 'initdb'], 'the store contract on PostgreSQL', () => {
  let stores: PostgresStores
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  after(() => stores.end())

  for (const { title, run } of storeContract(postgresContract(() => stores))) it(title, run)
})

for (const version of ([13, 18] as const).filter(isPackaged)) {
  describeWith([], `the store contract on PostgreSQL ${version}`, () => {
    let server: PostgresServer
    let stores: PostgresStores
    before(async function () {
      this.timeout(120_000)
      server = await startPostgres({ version })
      stores = new PostgresStores(server.url, { direct: true })
    })
    after(async () => {
      await stores?.end()
      await server?.remove()
    })

    for (const { title, run } of storeContract(postgresContract(() => stores))) it(title, run)
  })
}

describeWith(['postgres', 'initdb', 'pgbouncer'], 'the store contract through PgBouncer', () => {
  let bouncer: Bouncer
  let stores: PostgresStores
  before(async () => {
    bouncer = await startBouncer(await sharedPostgres())
    stores = new PostgresStores(bouncer.url)
  })
  after(async () => {
    await stores?.end()
    await bouncer?.remove()
  })

  for (const { title, run } of storeContract(postgresContract(() => stores))) it(title, run)
})

for (const defaults of [
  ['default_transaction_isolation=serializable', 'synchronous_commit=off', 'bytea_output=escape'],
  ['default_transaction_isolation=repeatable\\ read', 'default_transaction_read_only=on'],
]) {
  describeWith(['postgres', 'initdb'], `the store contract with ${defaults.join()}`, () => {
    let stores: PostgresStores
    before(async () => {
      const url = new URL((await sharedPostgres()).url)
      url.searchParams.set('options', defaults.map(each => `-c ${each}`).join(' '))
      stores = new PostgresStores(url.href)
    })
    after(() => stores.end())

    for (const { title, run } of storeContract(postgresContract(() => stores))) it(title, run)
  })
}
