/** The PostgreSQL store: the contract, on the version that is installed. */

import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeContract } from './helpers/contract-places.js'
import { postgresPlace } from './helpers/postgres-stores.js'

const INSTALLED = postgresPlace('the store contract on PostgreSQL', async () => {
  return { url: (await sharedPostgres()).url }
})
describeContract(['postgres', 'initdb'], INSTALLED)
