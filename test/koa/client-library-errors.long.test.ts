/**
 * Errors of client libraries over HTTP/2, and on every store: the same code judges them before any
 * store is asked, so a failure and a broken connection of each library stand for the others there.
 */
import { INSTALLED_STORES } from '../support/stores.js'
import { describeErrors } from './client-library-errors.js'

describeErrors(['memory'], ['HTTP/2'])
describeErrors(
  INSTALLED_STORES.filter(kind => kind !== 'memory'),
  ['HTTP/1.1'],
  [503, 'cut'],
)
