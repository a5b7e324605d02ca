/**
 * The contract of the PostgreSQL store on each version that is supported, for its statements are
 * the server's affair; and what of it a pooler or the database's defaults can change.
 */
import {
  isPackaged,
  sharedPostgres,
  startBouncer,
  startPostgres,
} from '../support/servers/postgres-server.js'
import { partOfConnection } from './helpers/contract-part.js'
import { describePostgresContract } from './helpers/postgres-stores.js'

for (const version of ([13, 18] as const).filter(isPackaged)) {
  describePostgresContract([], `the store contract on PostgreSQL ${version}`, async () => {
    const { url, remove } = await startPostgres({ version })
    return { url, remove, wishes: { direct: true } }
  })
}

describePostgresContract(
  ['pgbouncer'],
  'the store contract through PgBouncer',
  async () => startBouncer(await sharedPostgres()),
  partOfConnection,
)

for (const defaults of [
  ['default_transaction_isolation=serializable', 'synchronous_commit=off', 'bytea_output=escape'],
  ['default_transaction_isolation=repeatable\\ read', 'default_transaction_read_only=on'],
]) {
  const open = async () => {
    const url = new URL((await sharedPostgres()).url)
    url.searchParams.set('options', defaults.map(each => `-c ${each}`).join(' '))
    return { url: url.href }
  }
  describePostgresContract([], `the store contract with ${defaults.join()}`, open, partOfConnection)
}
