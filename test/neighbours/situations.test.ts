/** Every situation and every door of Koa's guide, on node:http, Express and fetch. */
import { NEIGHBOURS } from './doors-on.js'
import { situationsSuite } from './situations-suite.js'

for (const neighbour of NEIGHBOURS) situationsSuite(neighbour, 'memory')
