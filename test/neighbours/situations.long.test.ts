/** Every situation and every door of Koa's guide, on Express, and on stores that are shared. */
import { INSTALLED_STORES } from '../support/stores.js'
import { situationsSuite } from './situations-suite.js'

situationsSuite('express', 'memory')
for (const kind of ['sqlite', 'redis'] as const) {
  if (INSTALLED_STORES.includes(kind)) situationsSuite('fetch', kind)
}
