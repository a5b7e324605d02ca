/** The PostgreSQL store: the contract, on the version that is installed. */

import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describePostgresContract } from './helpers/postgres-stores.js'

describePostgresContract([], 'the store contract on PostgreSQL', async () => {
  return { url: (await sharedPostgres()).url }
})
