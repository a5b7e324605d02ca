/**
 * What a POST to a spent resource is told.
 *
 * @see POE draft 2; RFC 9110 10.2.1, 13.2.1, 15.5.6
 */
import type { Check } from '../../catalogue.js'
import { GET, L, MINT, NOT_2XX, READER, SPENT, SUCCESS, USE } from '../fragments.js'

/** Referrer policies that tell no other site the path of a page. */
const SILENT_REFERRERS = [
  'no-referrer',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
]

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
  { 'User-Agent': 'poe-check', 'Cache-Control': 'no-cache', Pragma: 'no-cache' },
  { 'Accept-Language': 'fr', 'X-Requested-With': 'XMLHttpRequest', 'X-Retry': '1' },
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
    blockedBy: 'POE-2-1/same',
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
    blockedBy: 'POE-2-1/same',
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
    blockedBy: 'POE-2-1/other-body',
    steps: [{ used: { body: 'otherValid' }, expect: [NOT_2XX] }],
  },
  {
    id: 'POE-2-7/later',
    requirement: 'POE-2-7',
    title: 'at the end of this run GET gives for each of these links its own content',
    why: 'A server that shows what came last shows people the orders of others.',
    blockedBy: 'POE-2-7/get',
    steps: [{ used: { method: 'GET' }, expect: [{ resultOf: 'first' }] }],
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

/** What the refusal says. */
export const REFUSAL: readonly Check[] = [
  {
    id: 'POE-2-4/reuse',
    requirement: 'POE-2-4',
    title: 'a POST to a spent resource is answered 405',
    why: 'Only 405 lets a client conclude that an earlier try was accepted.',
    blockedBy: 'POE-2-1/same',
    steps: [...SPENT, { send: { to: L }, expect: [{ status: ['405'] }] }],
  },
  {
    id: 'POE-2-21/other-body',
    requirement: 'POE-2-21',
    title: 'a POST with other content is answered 405, too',
    why: 'The resource is used up, whatever is sent to it.',
    blockedBy: 'POE-2-4/reuse',
    steps: [
      ...SPENT,
      {
        send: { to: L, body: 'otherValid' },
        // Whoever judges the content first says something about that, and not about the link.
        only: [{ status: ['!400', '!413', '!415', '!422'] }],
        expect: [{ status: ['405'] }],
      },
    ],
  },
  {
    id: 'POE-2-5/reuse',
    requirement: 'POE-2-5',
    title: 'the Allow of the 405 does not list POST',
    why: 'An Allow with POST says that the link can still be used.',
    steps: [
      ...SPENT,
      {
        send: { to: L },
        only: [{ status: ['405'] }, { has: 'Allow' }],
        expect: [{ allowLacks: 'POST' }],
      },
    ],
  },
  {
    id: 'POE-2-6/reuse',
    requirement: 'POE-2-6',
    title: 'the 405 carries Allow',
    why: 'HTTP demands it, and clients tell by it whose 405 this is.',
    steps: [...SPENT, { send: { to: L }, only: [{ status: ['405'] }], expect: [{ has: 'Allow' }] }],
  },
  {
    id: 'H-405-2/spent',
    requirement: 'H-405-2',
    title: 'Allow on a GET of a spent resource does not list POST',
    why: 'Clients that ask by GET read the state from it.',
    warns: true,
    steps: [
      ...SPENT,
      {
        send: { method: 'GET', to: L },
        only: [{ has: 'Allow' }],
        expect: [{ allowLacks: 'POST' }],
      },
    ],
  },
  {
    id: 'H-405-2/names',
    requirement: 'H-405-2',
    title: 'Allow names methods as they are written',
    why: 'Names of methods are case-sensitive: get is not GET.',
    steps: [
      ...SPENT,
      { send: { to: L }, only: [{ has: 'Allow' }], expect: [{ allowNames: true }] },
    ],
  },
  {
    id: 'H-LOC-1/reuse',
    requirement: 'H-LOC-1',
    title: 'the refusal has no Location',
    why: 'Location means something on 201 and redirects only; Link is for the result.',
    warns: true,
    steps: [
      ...SPENT,
      { send: { to: L }, only: [{ status: ['4xx'] }], expect: [{ lacks: 'Location' }] },
    ],
  },
  {
    id: 'H-LINK-1/reuse',
    requirement: 'H-LINK-1',
    title: 'a link to the result names its context',
    why: 'The context of a link in an error is the error, unless an anchor says otherwise.',
    warns: true,
    steps: [
      ...SPENT,
      {
        send: { to: L },
        only: [{ status: ['4xx'] }, { has: 'Link' }],
        expect: [{ resultLink: true }],
      },
    ],
  },
  {
    id: 'H-LINK-1/target',
    requirement: 'H-LINK-1',
    title: 'a link to the result leads to the result of this link, and not of another one',
    why: 'Whoever follows it takes what is there for the own order.',
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      { mint: 'M' },
      { send: { to: { link: 'M' } }, setup: [SUCCESS] },
      { send: { to: L }, as: 'reuse', only: [{ status: ['4xx'] }, { linksTo: 'related' }] },
      { send: { ...GET, follows: true }, as: 'mine' },
      { send: { method: 'GET', to: { link: 'M' }, follows: true }, as: 'theirs' },
      {
        send: { to: { linked: 'reuse', rel: 'related' }, follows: true },
        expect: [
          { when: [{ differsFrom: 'theirs' }], of: 'mine', demand: [{ differsFrom: 'theirs' }] },
        ],
      },
    ],
  },
  {
    id: 'H-PROB-1/reuse',
    requirement: 'H-PROB-1',
    title: 'a program is told in a problem document',
    why: 'Programs need more than a status to tell refusals apart.',
    warns: true,
    steps: [
      ...SPENT,
      {
        send: { to: L, fields: { Accept: 'application/problem+json, application/json' } },
        only: [{ status: ['4xx'] }],
        expect: [{ typeIs: 'application/problem+json' }],
      },
    ],
  },
  {
    id: 'POE-6-2/reuse',
    requirement: 'POE-6-2',
    title: 'a person is told in a page',
    why: 'Whoever pressed the button twice must be able to read that the order is placed.',
    warns: true,
    steps: [
      ...SPENT,
      {
        send: { to: L, fields: READER },
        only: [{ status: ['4xx'] }],
        expect: [
          { anyOf: [[{ typeIs: 'text/html' }], [{ typeIs: 'text/plain' }]] },
          { notEmpty: true },
        ],
      },
    ],
  },
  {
    id: 'POE-8-5/referrer',
    requirement: 'POE-8-5',
    title: 'a page at a link does not tell its address to other sites',
    why: 'A link in a Referer field is a link in a stranger’s log.',
    warns: true,
    steps: [
      ...SPENT,
      {
        send: { to: L, fields: READER },
        only: [{ typeIs: 'text/html' }],
        expect: [
          { anyOf: SILENT_REFERRERS.map(policy => [{ lists: ['Referrer-Policy', policy] }]) },
        ],
      },
    ],
  },
  {
    id: 'H-412-2/spent',
    requirement: 'H-412-2',
    title: 'a precondition does not hide that the resource is spent',
    why: 'Whoever reads 412 believes that nothing happened.',
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      { send: { to: L, fields: { 'If-Match': '"none"' } }, expect: [{ status: ['!2xx', '!412'] }] },
    ],
  },
  {
    id: 'H-100-1/spent',
    requirement: 'H-100-1',
    title: 'with Expect: 100-continue the refusal comes without asking for the content',
    why: 'A client that asks first is spared the upload.',
    warns: true,
    needs: ['http11'],
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      {
        send: { to: L, fields: { Expect: '100-continue' } },
        expect: [{ noInterim: true }, NOT_2XX],
      },
    ],
  },
]
