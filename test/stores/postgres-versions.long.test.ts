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

/** Each the hardest of its kind: what fails at repeatable read fails at serializable too. */
const DEFAULTS = [
  ...['default_transaction_isolation=serializable', 'default_transaction_read_only=on'],
  ...['synchronous_commit=off', 'bytea_output=escape'],
]

describePostgresContract(
  [],
  `the store contract with ${DEFAULTS.join()}`,
  async () => {
    const url = new URL((await sharedPostgres()).url)
    url.searchParams.set('options', DEFAULTS.map(each => `-c ${each}`).join(' '))
    return { url: url.href }
  },
  partOfConnection,
)
