/**
 * A process that stands still while a handler's transaction holds the file's one write lock: most
 * often another connection of this very process waits for that lock, which cannot come before it
 * stops waiting. better-sqlite3 waits for 5 s unless it is told, and nothing else runs meanwhile.
 */

/** A timer that is later than this was kept from ringing, in milliseconds. */
const STANDSTILL_MS = 500

let isTold = false

/**
 * Says once what a transaction that could not be ended in time points to.
 *
 * @param lateMs - how long after its time a transaction was ended, in milliseconds
 */
export function warnOfStandstill(lateMs: number): void {
  if (lateMs < STANDSTILL_MS || isTold) return
  isTold = true
  process.emitWarning(
    `The process stood still for over ${Math.round(lateMs)} ms while a handler's transaction ` +
      'held the lock of the sqlite file. A write through another connection of this process (an ' +
      "ORM's own, or your better-sqlite3) does that: it waits for a lock that it keeps from " +
      'being let go. Inside the handler write through ctx.poe.tx, outside through ' +
      'store.write(), and open other connections with { timeout: 0 }. This is said once.',
    { code: 'POE_SQLITE_STANDSTILL' },
  )
}
