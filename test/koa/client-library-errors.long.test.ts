/**
 * Errors of client libraries over HTTP/2, and on every store: the same code judges them before
 * anything is sent or any store is asked, so a failure and a broken connection of each library
 * stand for the others there, and one of the two on each store that keeps records elsewhere.
 */
import { INSTALLED_STORES } from '../support/stores.js'
import { describeErrors } from './client-library-errors.js'

for (const [index, kind] of INSTALLED_STORES.entries()) {
  if (kind === 'memory') describeErrors(kind, 'HTTP/2', [503, 'cut'])
  else describeErrors(kind, 'HTTP/1.1', [503, 'cut'], index)
}
