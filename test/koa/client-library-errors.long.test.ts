/**
 * Errors of client libraries over HTTP/2, and on every store: the same code judges them before
 * anything is sent or any store is asked, so a failure and a broken connection of each library
 * stand for the others there.
 */
import { INSTALLED_STORES } from '../support/stores.js'
import { describeErrors } from './client-library-errors.js'

for (const kind of INSTALLED_STORES) {
  describeErrors(kind, kind === 'memory' ? 'HTTP/2' : 'HTTP/1.1', [503, 'cut'])
}
