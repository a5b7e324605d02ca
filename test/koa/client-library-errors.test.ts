/** Errors of client libraries, where neither the store nor the protocol has a part in it. */
import { describeErrors } from './client-library-errors.js'

describeErrors('memory', 'HTTP/1.1')
