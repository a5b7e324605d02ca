/** Every situation and every door of Koa's guide, on node:http and fetch. */
import { situationsSuite } from './situations-suite.js'

for (const framework of ['node', 'fetch'] as const) situationsSuite(framework, 'memory')
