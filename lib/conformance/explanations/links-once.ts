/**
 * Why the rules of what a POE server does matter, how servers break them, and how that is mended.
 *
 * @see spec-notes/draft-poe-bis.md 3, 4, 5, 7, 9
 */
import type { Why } from './why.js'

/** Of the promise, of failures, of states and of running POSTs. */
export const LINKS_ONCE: Readonly<Record<string, Why>> = {
  'POE-1-1': {
    why: 'A crawler, a preview or a form of another method must not cost a person the link.',
    wrong:
      'One handler serves all methods of the route and marks the link before it looks at the ' +
      'method; or DELETE removes the record, and the link looks fresh again.',
    mend:
      'Claim the link in the handler of POST only. Let DELETE write "called off" or "forgotten" ' +
      'into the record, and never remove it.',
  },
  'POE-1-3': {
    why: 'People who press reload, proxies that send twice and old clients have no POE field.',
    wrong: 'The protection is behind a test of the request field POE or of the Accept field.',
    mend: 'Decide by the link alone. The field may choose whether POE-Links is sent, nothing else.',
  },
  'POE-2-1': {
    why: 'A client that lost the first answer takes a second 2xx for a second order.',
    wrong:
      'The memory is of contents and not of links; it lasts for some seconds, for the last few ' +
      'links or until the restart; repeats replay the stored 201; only one media type, or only ' +
      'content with a length, goes through the check.',
    mend:
      'Keep a durable record for each link for its life and its horizon, look it up before ' +
      'anything else, and answer 405 where it says that the link was used.',
  },
  'POE-2-2': {
    why: 'It is what all of this is for: an order is placed once, or not at all.',
    wrong:
      'The handler looks whether the link is free and marks it later, and a second POST fits ' +
      'in between; a lock is held in one process while several run; the refusal is written after ' +
      'the work was done again.',
    mend:
      'Make one atomic step of look and claim: INSERT with a unique key, UPDATE ... WHERE state ' +
      "= 'unspent', SET NX. Run the handler only where that step says that the claim is yours.",
  },
  'POE-2-3': {
    why: 'A typing error, a declined card or a session that ran out must not cost the link.',
    wrong:
      'The link is marked before the content is checked, and stays marked after a refusal; a ' +
      'broken upload or an unreadable body leaves a claim behind.',
    mend:
      'Check the content before the claim, or take the claim back for each answer that says that ' +
      'nothing was applied. In one transaction a rollback does both.',
  },
  'POE-2-15': {
    why: '405 says "it worked", and the first POST may still fail; 2xx would be a second order.',
    wrong:
      'The claim is recorded as "used" before the handler has ended; or the second POST is let ' +
      'through because the first one has left no trace yet.',
    mend:
      'Know a third state, running. Hold the second POST until the first is decided, or answer ' +
      '409 (or 503) with Retry-After.',
  },
  'POE-2-16': {
    why: 'Scanners, previews and prefetchers send GET; people ask by it whether it happened.',
    wrong:
      'GET runs the handler, or marks the link as visited; GET gives the same form before and ' +
      'after the order.',
    mend:
      'Let GET and HEAD read only. Before success answer with a form or 405, afterwards with the ' +
      'result or a redirect to it.',
  },
  'POE-2-17': {
    why: 'A second way in is a second order; browsers send OPTIONS by themselves.',
    wrong: 'PUT or PATCH is routed to the handler of POST; OPTIONS passes through the claim.',
    mend: 'Register POST alone, and answer other methods 405 without touching the record.',
  },
  'POE-2-18': {
    why:
      'A server that takes for fresh what it does not know protects nobody; a retry that comes ' +
      'late has to be told that it worked.',
    wrong:
      'A missing record means "unused" for every token; records go when the link expires; an ' +
      'expired link is refused before anybody looks whether it was used.',
    mend:
      'Sign tokens, or record them when they are made, and refuse all others with 404. Keep ' +
      'records for a day beyond the life of the link, and look them up before the expiry.',
  },
  'POE-2-20': {
    why: 'After a crash nobody can tell whether the payment was made. A second run may pay twice.',
    wrong:
      'A claim that is too old is taken away and run again; a crash frees the link although the ' +
      'effect is at another service; every exception, or an upstream 502, frees it.',
    mend:
      'Put effect and record into one transaction. Where that is not possible, leave the link ' +
      'undecided (409) until the other side was asked or a person has looked.',
  },
  'POE-2-22': {
    why: 'The effect is there although nobody was told; the retry would make a second one.',
    wrong: 'The handler is aborted, or the claim released, when the connection of the client ends.',
    mend: 'Let work that has begun go on to its end, and record what came of it.',
  },
  'POE-2-23': {
    why: 'Routers, proxies and databases do not agree on which spellings are one URI.',
    wrong:
      'The record is kept under the URL as it came: percent-encoding, a query, a slash or the ' +
      'case of a letter make another key, and the handler runs again.',
    mend:
      'Take the decoded token as the key, and compare it with one spelling only. Refuse what you ' +
      'would not have written.',
  },
  'POE-A-1': {
    why: 'A mark without an order loses one; an order without a mark is placed again.',
    wrong:
      'The mark is kept in memory, or written in a transaction of its own before or after the ' +
      'order; the store answers before it has written to the disk.',
    mend:
      'Write the order and the mark in one transaction of one durable store, and answer after ' +
      'its commit.',
  },
  'POE-A-2': {
    why: 'Of two people with one URI the second is told that an order was placed which was not.',
    wrong: 'Tokens are short, counted from the start of the process, or derived from the content.',
    mend: 'Make 128 random bits for each link, and never give out one again.',
  },
  'POE-8-5': {
    why: 'Whoever can guess or find a link can order in another name, or read the result.',
    wrong:
      'Links are counted or short; any login may use any link; a refused POST of a stranger ' +
      'marks the link; the page of a link tells its address to other sites.',
    mend:
      'Use 128 secret bits, bind the link to whom it was made for, answer others 404 before ' +
      'anything is claimed, and send Referrer-Policy: no-referrer.',
  },
}
