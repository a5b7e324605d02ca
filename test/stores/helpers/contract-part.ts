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

/** Gives the cases of this part. */
export function partOfConnection(cases: readonly StoreCase[]): readonly StoreCase[] {
  const isElsewhere = (title: string): boolean => {
    const said = title.replace(/^(?:\[[^\]]+\] )+/, '')
    return ELSEWHERE.some(beginning => said.startsWith(beginning))
  }
  return cases.filter(({ title }) => !isElsewhere(title))
}
