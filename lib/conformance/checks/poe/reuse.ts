/**
 * No POST to a spent resource is a success again, however it is sent.
 *
 * @see POE draft 2
 */
import type { Check } from '../../catalogue.js'
import { L, MINT, NOT_2XX, SPENT, SUCCESS, USE } from '../fragments.js'

/** Fields by which some frameworks let a POST stand for another method. */
export const overriddenBy = (method: string): Readonly<Record<string, string>> => ({
  'X-HTTP-Method-Override': method,
  'X-HTTP-Method': method,
  'X-Method-Override': method,
})

/** What is added on the way, or by a client that tries again. */
const ADDED: readonly Readonly<Record<string, string>>[] = [
  { 'Idempotency-Key': '"poe-check-another"' },
  { 'X-Forwarded-For': '192.0.2.1', Forwarded: 'for=192.0.2.1', Via: '1.1 elsewhere' },
  { 'X-Forwarded-Host': 'elsewhere.example', 'X-Forwarded-Proto': 'https' },
  { 'User-Agent': 'poe-check', 'Cache-Control': 'no-cache', Pragma: 'no-cache' },
  { 'Accept-Language': 'fr', 'X-Requested-With': 'XMLHttpRequest', 'X-Retry': '1' },
  { Accept: 'text/html', Cookie: 'poe-check=1', Referer: '{origin}/' },
  { Accept: '*/*', Prefer: 'respond-async, return=minimal', 'If-None-Match': '*' },
  { Origin: '{origin}', 'Sec-Fetch-Site': 'same-origin', 'Accept-Encoding': 'gzip, br' },
  { Origin: 'https://elsewhere.example', 'Sec-Fetch-Mode': 'cors', Range: 'bytes=0-0' },
  {
    POE: '2',
    'X-Request-Id': 'poe-check',
    traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
  },
]

/** Never a second success (POE-2-1). */
export const NEVER_AGAIN: readonly Check[] = [
  {
    id: 'POE-2-1/same',
    requirement: 'POE-2-1',
    title: 'the same POST again is not answered 2xx',
    why: 'A client that lost the first answer would take this for a second order.',
    steps: [...SPENT, { send: { to: L }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/other-body',
    requirement: 'POE-2-1',
    title: 'a POST with other content is not answered 2xx',
    why: 'What is used up is the resource, not one particular content.',
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, body: 'otherValid' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/other-type',
    requirement: 'POE-2-1',
    title: 'a POST of another media type is not answered 2xx',
    why: 'A form and JSON may run through different code.',
    needs: ['otherType'],
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, body: 'otherType' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/types',
    requirement: 'POE-2-1',
    title: 'a POST of this content by another name, as text or in parts, is not answered 2xx',
    why: 'Scripts, beacons and forms with files name the type otherwise, and may run elsewhere.',
    blockedBy: ['POE-2-1/same', 'POE-2-1/other-type'],
    steps: [
      ...SPENT,
      ...(['charset', 'plain', 'parts'] as const).map(body => ({
        send: { to: L, body },
        expect: [NOT_2XX],
      })),
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/other-user',
    requirement: 'POE-2-1',
    title: "another user's POST is not answered 2xx",
    why: 'Somebody who finds the link must not be able to use it once more.',
    needs: ['secondUser'],
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, user: 'second' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/invalid-body',
    requirement: 'POE-2-1',
    title:
      'a POST with content that is refused is not answered 2xx, nor does it open the link again',
    why: 'The failure of a repeat must not undo that the resource was used.',
    needs: ['invalid'],
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      { send: { to: L, body: 'invalid' }, expect: [NOT_2XX] },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/refused',
    requirement: 'POE-2-1',
    title: 'POSTs that are refused for what they are, or break off, do not open the link again',
    why: 'Whoever gives the link back after each failure gives it back after a success, too.',
    blockedBy: ['POE-2-1/same', 'POE-2-1/empty', 'POE-2-1/nobody', 'POE-2-1/invalid-body'],
    steps: [
      ...SPENT,
      { send: { to: L, body: 'broken' }, expect: [NOT_2XX] },
      { send: { to: L, body: 'unknownType' }, expect: [NOT_2XX] },
      { send: { to: L, user: 'nobody' } },
      { send: { to: L, body: 'none' } },
      { leave: { to: L }, before: 'body' },
      { pause: 'arrival' },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/failed',
    requirement: 'POE-2-1',
    title: 'a POST that the handler would report as failed does not open the link again',
    why: 'A failure sets the link free that it has taken, and this one it has not.',
    needs: ['failure'],
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      { send: { to: L, provoke: 'failure' }, expect: [NOT_2XX] },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/looked',
    requirement: 'POE-2-1',
    title: 'GET, HEAD and OPTIONS do not open a spent link again',
    why: 'Whoever looks at the result and goes back sends the form once more.',
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      ...['GET', 'HEAD', 'OPTIONS'].map(method => ({ send: { method, to: L } })),
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/nobody',
    requirement: 'POE-2-1',
    title: 'a POST without credentials and without cookies is not answered 2xx',
    why: 'A memory that hangs on the session of whoever sends is gone with it.',
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, user: 'nobody' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/first-chunked',
    requirement: 'POE-2-1',
    title: 'after a POST whose content was chunked, or that asked first, none is answered 2xx',
    why: 'What came another way is done all the same, and has to be remembered.',
    needs: ['http11'],
    blockedBy: 'POE-2-1/same',
    steps: [
      MINT,
      { send: { to: L, chunked: true }, only: [SUCCESS] },
      { send: { to: L }, expect: [NOT_2XX] },
      { mint: 'M' },
      {
        send: { to: { link: 'M' }, fields: { Expect: '100-continue' }, unasked: true },
        only: [SUCCESS],
      },
      { send: { to: { link: 'M' } }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/first-other-type',
    requirement: 'POE-2-1',
    title: 'after a POST of the other media type none is answered 2xx',
    why: 'A form and JSON may run through different code, and only one of them may remember.',
    needs: ['otherType'],
    blockedBy: ['POE-2-1/same', 'POE-2-1/other-type'],
    steps: [
      MINT,
      { send: { to: L, body: 'otherType' }, only: [SUCCESS] },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-2-1/many',
    requirement: 'POE-2-1',
    title: 'twenty more POSTs are not answered 2xx',
    why: 'A memory that holds for one repeat only does not hold.',
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L }, times: 20, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/different',
    requirement: 'POE-2-1',
    title: 'a POST by which something else is meant is not answered 2xx',
    why: 'A server that compares what is ordered remembers orders, and not links.',
    needs: ['different'],
    blockedBy: ['POE-2-1/same', 'POE-2-1/other-body'],
    steps: [...SPENT, { send: { to: L, body: 'different' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/empty',
    requirement: 'POE-2-1',
    title: 'a POST without content is not answered 2xx',
    why: 'What has no content may run through different code.',
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, body: 'none' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/override',
    requirement: 'POE-2-1',
    title: 'a POST that asks for another method in a field is not answered 2xx',
    why: 'What goes by another name may run through different code.',
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      ...['PUT', 'PATCH', 'POST'].map(method => ({
        send: { to: L, fields: overriddenBy(method) },
        expect: [NOT_2XX],
      })),
    ],
  },
  {
    id: 'POE-2-1/retried',
    requirement: 'POE-2-1',
    title: 'a POST whose fields say that it is a repeat, or forwarded, is not answered 2xx',
    why: 'Proxies and clients add such fields, and mean the same request.',
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, ...ADDED.map(fields => ({ send: { to: L, fields }, expect: [NOT_2XX] }))],
  },
  {
    id: 'POE-2-1/host',
    requirement: 'POE-2-1',
    title: 'a POST by another name of the host has no effect',
    why: 'A site has several names, and what is kept by the whole URL is another link at each.',
    needs: ['http1', 'effects'],
    blockedBy: ['POE-2-1/same', 'POE-2-2/reuse'],
    // Another site may answer there, as it likes.
    steps: [
      ...SPENT,
      { send: { to: L, fields: { Host: 'elsewhere.example' } } },
      { effects: { exactly: 1 } },
    ],
  },
  {
    id: 'POE-2-1/http10',
    requirement: 'POE-2-1',
    title: 'a POST by HTTP/1.0 is not answered 2xx',
    why: 'Old proxies speak it, and mean the same resource.',
    needs: ['http1'],
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, version: '1.0' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/connection',
    requirement: 'POE-2-1',
    title: 'of three POSTs over one connection one is answered 2xx',
    why: 'A browser sends the second click over the connection of the first.',
    needs: ['http11'],
    blockedBy: 'POE-2-1/same',
    steps: [MINT, { row: [{ to: L }, { to: L }, { to: L }], mostSuccesses: 1 }],
  },
  {
    id: 'POE-2-1/pipelined',
    requirement: 'POE-2-1',
    title: 'of three POSTs that are pipelined one is answered 2xx',
    why: 'What is read together is not to be run together.',
    needs: ['http11'],
    blockedBy: ['POE-2-1/same', 'POE-2-1/connection'],
    steps: [MINT, { row: [{ to: L }, { to: L }, { to: L }], pipelined: true, mostSuccesses: 1 }],
  },
  {
    id: 'POE-2-1/trailing',
    requirement: 'POE-2-1',
    title: 'a POST with something behind it is not answered 2xx',
    why: 'Old clients send an empty line behind the content, which is no part of it.',
    needs: ['http1'],
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      // A server may drop a connection on which more came than was announced.
      ...['\r\n', 'x'].map(trailing => ({
        send: { to: L, trailing },
        mayBeCut: true as const,
        expect: [NOT_2XX],
      })),
    ],
  },
  {
    id: 'POE-2-1/chunked',
    requirement: 'POE-2-1',
    title: 'a POST whose content is chunked is not answered 2xx',
    why: 'Content without a length may run through different code.',
    needs: ['http11'],
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L, chunked: true }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/expect',
    requirement: 'POE-2-1',
    title: 'a POST that asked before it sent its content is not answered 2xx',
    why: 'Whoever answers 100 goes another way to the handler.',
    needs: ['http11'],
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      {
        send: { to: L, fields: { Expect: '100-continue' }, unasked: true },
        expect: [NOT_2XX],
      },
    ],
  },
  {
    id: 'POE-2-1/restart',
    requirement: 'POE-2-1',
    title: 'a POST after a restart of the server is not answered 2xx',
    why: 'Retries come after the crash that lost the answer.',
    needs: ['restart'],
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { restart: true }, { send: { to: L }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-1-3/reuse',
    requirement: 'POE-1-3',
    title: 'a client that sends no POE field is protected alike',
    why: 'People who press reload have no such field.',
    blockedBy: 'POE-2-1/same',
    steps: [
      MINT,
      { ...USE, send: { to: L, poe: false } },
      { send: { to: L, poe: false }, expect: [NOT_2XX] },
    ],
  },
]

/** The links of the whole run, looked at once more when it ends. */
export const IN_THE_END: readonly Check[] = [
  {
    id: 'POE-2-1/later',
    requirement: 'POE-2-1',
    title: 'the first and the last links of this run are not answered 2xx at its end',
    why: 'A memory that lasts some seconds, or for the last few links, does not hold.',
    blockedBy: 'POE-2-1/same',
    steps: [{ used: {}, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-1/later-other-body',
    requirement: 'POE-2-1',
    title: 'with other content these links are not answered 2xx at its end, either',
    why: 'A memory of contents is no memory of links.',
    blockedBy: ['POE-2-1/other-body', 'POE-2-1/later'],
    steps: [{ used: { body: 'otherValid' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-7/later',
    requirement: 'POE-2-7',
    title: 'at the end of this run GET gives for each of these links its own content',
    why: 'A server that shows what came last shows people the orders of others.',
    blockedBy: [
      'POE-2-1/same',
      'POE-2-7/get',
      'POE-2-7/own',
      'POE-2-7/after-reuse',
      'POE-2-7/no-content',
      'POE-2-1/later',
      'POE-2-1/later-other-body',
    ],
    // How long a result is kept nobody says, and whoever says that it is gone shows no other one.
    steps: [
      {
        used: { method: 'GET' },
        expect: [{ anyOf: [[{ resultOf: 'first' }], [{ status: ['410'] }]] }],
      },
    ],
  },
  {
    id: 'POE-2-2/whole-run',
    requirement: 'POE-2-2',
    title: 'in the whole run there were no more effects than links that can have had one',
    why: 'An effect that comes late, or by chance, is one too many all the same.',
    needs: ['effects'],
    blockedBy: 'POE-2-2/reuse',
    steps: [{ balance: 'run' }],
  },
]
