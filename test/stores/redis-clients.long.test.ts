/** What the contract of the redis store owes to the client, with every other way to connect. */
import { areInstalled } from '../support/servers/programs.js'
import { partOfClient, partOfConnection } from './helpers/contract-part.js'
import { describeContracts } from './helpers/contract-places.js'
import { redisPlace } from './helpers/redis-clients.js'

if (areInstalled(['redis-server'], 'what the redis store owes to other clients')) {
  describeContracts('the redis store with other clients', [
    // One driver, and what it sends at once is written in three ways.
    redisPlace('the redis client, version 5', partOfConnection),
    redisPlace('the ioredis client', partOfClient(0)),
    redisPlace('the ioredis client, auto-pipelined', partOfClient(1)),
    redisPlace('the ioredis Cluster', partOfClient(0)),
    redisPlace('the redis cluster client', partOfConnection),
    redisPlace('the redis cluster client, version 5', partOfClient(0)),
  ])
}
