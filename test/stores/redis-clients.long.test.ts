/** What the contract of the redis store owes to the client, with every other way to connect. */
import { partOfConnection } from './helpers/contract-part.js'
import { describeRedisContract } from './helpers/redis-clients.js'

for (const client of [
  'the ioredis client',
  'the ioredis client, auto-pipelined',
  'the ioredis Cluster',
  'the redis cluster client',
] as const) {
  describeRedisContract(client, partOfConnection)
}
