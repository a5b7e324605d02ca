/** The contract of the redis store with every other way to connect to Redis. */
import { describeRedisContract } from './helpers/redis-clients.js'

describeRedisContract('the ioredis client')
describeRedisContract('the ioredis client, auto-pipelined')
describeRedisContract('the ioredis Cluster')
describeRedisContract('the redis cluster client')
