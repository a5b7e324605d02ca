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
import { areInstalled } from '../support/servers/programs.js'
import { partOfConnection, partOfVersion } from './helpers/contract-part.js'
import { describeContracts } from './helpers/contract-places.js'
import { postgresPlace } from './helpers/postgres-stores.js'

/** Each the hardest of its kind: what fails at repeatable read fails at serializable too. */
const DEFAULTS = [
  ...['default_transaction_isolation=serializable', 'default_transaction_read_only=on'],
  ...['synchronous_commit=off', 'bytea_output=escape'],
]

const versions = ([13, 18] as const).filter(isPackaged).map(version =>
  postgresPlace(
    `the store contract on PostgreSQL ${version}`,
    async () => {
      const { url, remove } = await startPostgres({ version })
      return { url, remove, wishes: { direct: true } }
    },
    partOfVersion,
  ),
)
const pooler = postgresPlace(
  'the store contract through PgBouncer',
  async () => startBouncer(await sharedPostgres()),
  partOfConnection,
)
const defaults = postgresPlace(
  `the store contract with ${DEFAULTS.join()}`,
  async () => {
    const url = new URL((await sharedPostgres()).url)
    url.searchParams.set('options', DEFAULTS.map(each => `-c ${each}`).join(' '))
    return { url: url.href }
  },
  partOfConnection,
)

if (areInstalled(['postgres', 'initdb'], 'the PostgreSQL store elsewhere')) {
  const poolers = areInstalled(['pgbouncer'], pooler.title) ? [pooler] : []
  describeContracts('the PostgreSQL store elsewhere', [...versions, ...poolers, defaults])
}
