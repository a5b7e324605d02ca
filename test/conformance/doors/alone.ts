/**
 * The wrong servers that one check alone convicts: without it they would pass.
 */
import type { DoorFault } from './key-faults.js'

/** Those of a check; where nothing fails, warnings decide. */
export function aloneFor<B>(faults: readonly DoorFault<B>[], id: string): readonly DoorFault<B>[] {
  return faults.filter(({ caughtBy }) => {
    const failed = caughtBy.filter(one => !one.startsWith('warn '))
    const decisive = failed.length > 0 ? failed : caughtBy.map(one => one.replace(/^warn /, ''))
    return decisive.length === 1 && decisive[0] === id
  })
}
