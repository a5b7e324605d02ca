/** Errors of client libraries, on every store and over both protocols. */
import { INSTALLED_STORES } from '../support/stores.js'
import { describeErrors } from './client-library-errors.js'

describeErrors(['memory'], ['HTTP/2'])
describeErrors(
  INSTALLED_STORES.filter(kind => kind !== 'memory'),
  ['HTTP/1.1', 'HTTP/2'],
)
