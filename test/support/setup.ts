/**
 * Loaded before every suite: an unhandled rejection is a failure, never a line in a log; the
 * servers that tests shared end with them; no process that a test has started outlasts this one.
 */
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { endAll } from './servers/programs.js'

process.on('unhandledRejection', reason => {
  throw reason
})

const started = new Set<ChildProcess>()
subscribe('child_process', message => {
  const { process: child } = message as { process: ChildProcess }
  started.add(child)
  child.once('exit', () => started.delete(child))
})
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** What mocha calls around all suites. */
export const mochaHooks = { afterAll: endAll }
