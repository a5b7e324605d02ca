/**
 * The part of the store contract that a way to reach one server can change: what is sent, what is
 * read out of replies, and what happens to many calls at once. The rest is decided by what runs in
 * the server, or before anything is sent, and `npm test` proves it on one way. Of each method some
 * cases stay.
 */
import type { StoreCase } from '../../../lib/testing/store-contract.js'

/** Beginnings of titles, after their ids. */
const ELSEWHERE = [
  // Arguments are judged before anything is sent.
  ...['list: a query that makes no sense', 'admin: a scan that makes no sense'],
  ...['times with a fraction', 'a time that is no number', 'settle: a verdict that is none'],
  // The server's clock, and what a record is worth after its time.
  ...['claim: sent twice, its lease counts', 'claim: late', 'claim: after its own lease'],
  ...['lease:', 'purge: a claim', 'purge: past', 'purge: the store', 'keepUntilMs:'],
  ...['list: past its', 'admin: a record past its'],
  // The order of the checks in one step of the server, and who is whose.
  ...['claim: a record answers as it is', 'replaces: late', 'replaces: nothing but'],
  ...['replaces: another record', 'complete: a lapsed free', 'complete: after a take-over'],
  ...['renew: a lapsed lease', 'renew: it never takes', 'mark: another', 'attachBody: nobody'],
  ...['release: sent again', 'release: a spent', 'settle: only while', 'settle: what the owner'],
  // Hundreds of calls that differ in nothing from those of other cases.
  'full:',
]

/** What differs in the bytes alone that are sent and come back. */
const BYTES = ['outcome: ', 'keys: ', 'principals and fingerprints: ']
/** What is many calls at once, or goes through a whole memory. */
const MANY = [
  ...['50 claims', 'together: ', 'replaces: of many', 'complete and rivals', 'settle: of two'],
  ...['list: ', 'epoch: ', 'rotateEpoch: ', 'secrets: ', 'purge: ', 'admin: ', 'close: '],
]

/** A part of the cases. */
export type Choose = (cases: readonly StoreCase[]) => readonly StoreCase[]

/** Gives the cases of this part. */
export function partOfConnection(cases: readonly StoreCase[]): readonly StoreCase[] {
  return cases.filter(one => !begins(one, ELSEWHERE))
}

/**
 * What a version of PostgreSQL can change: every statement of the store, with the few bytes that
 * its cases have. With `POE_TEST_WHOLE=1` all cases.
 */
export function partOfVersion(cases: readonly StoreCase[]): readonly StoreCase[] {
  if (isWhole()) return cases
  return partOfConnection(cases).filter(one => !begins(one, BYTES))
}

/**
 * What one of two ways to write to a server can change, where the same driver packs and unpacks:
 * what is many calls, and every second one of the rest. With `POE_TEST_WHOLE=1` the whole part.
 *
 * @param turn - which of the two ways: 0 or 1
 */
export function partOfClient(turn: 0 | 1): Choose {
  return cases => {
    const part = partOfConnection(cases)
    if (isWhole()) return part
    return part.filter((one, index) => begins(one, MANY) || index % 2 === turn)
  }
}

function begins({ title }: StoreCase, beginnings: readonly string[]): boolean {
  const said = title.replace(/^(?:\[[^\]]+\] )+/, '')
  return beginnings.some(beginning => said.startsWith(beginning))
}

function isWhole(): boolean {
  return process.env.POE_TEST_WHOLE === '1'
}
