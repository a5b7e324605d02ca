/** Every situation and every door of Koa's guide, on Express, and on a store that is shared. */
import { INSTALLED_STORES } from '../support/stores.js'
import { situationsSuite } from './situations-suite.js'

situationsSuite('express', 'memory')
if (INSTALLED_STORES.includes('redis')) situationsSuite('fetch', 'redis')
