/**
 * Loaded before every suite: an unhandled rejection is a failure, never a line in a log; and the
 * servers that tests shared end with them.
 */
import { endAll } from './servers/programs.js'

process.on('unhandledRejection', reason => {
  throw reason
})

/** What mocha calls around all suites. */
export const mochaHooks = { afterAll: endAll }
