/**
 * What GET, HEAD, OPTIONS and other methods find, before and after.
 *
 * @see POE draft 2, 6; RFC 9110 9.2.1, 9.3, 10.2.1, 15.4.4
 */
import type { Check, Expectation, Step } from '../../catalogue.js'
import { GET, L, MINT, NOT_2XX, READER, SPENT, STILL_USABLE, SUCCESS, USE } from '../fragments.js'
import { overriddenBy } from './reuse.js'

const DONE: Expectation = { status: ['2xx'] }
const HEAD = { method: 'HEAD', to: L }
const OPTIONS = { method: 'OPTIONS', to: L }

/** HEAD is as GET is; where GET differs from one time to the next, nobody can tell. */
const LIKE_GET: readonly Step[] = [
  { send: GET, as: 'get' },
  { send: HEAD, as: 'head' },
  { send: GET, only: [{ headOf: 'get' }] },
  { await: 'head', expect: [{ headOf: 'get' }] },
]

/** The result stays to be had. */
export const RESULT: readonly Check[] = [
  {
    id: 'POE-2-7/get',
    requirement: 'POE-2-7',
    title: 'GET gives the content of the answer, also when asked again',
    why: 'A client whose answer was lost finds it here.',
    steps: [
      MINT,
      { ...USE, only: [{ status: ['2xx'] }, { notEmpty: true }] },
      { send: GET, times: 2, expect: [{ resultOf: 'first' }] },
      { send: { ...GET, follows: true }, expect: [{ status: ['2xx'] }] },
    ],
  },
  {
    id: 'POE-2-7/after-reuse',
    requirement: 'POE-2-7',
    title: 'a refused POST does not change what GET gives',
    why: 'The answer belongs to the POST that was accepted.',
    blockedBy: ['POE-2-1/same', 'POE-2-7/get'],
    alone: true,
    steps: [
      MINT,
      { ...USE, only: [{ status: ['2xx'] }, { notEmpty: true }] },
      { send: { to: L, body: 'otherValid' }, only: [NOT_2XX] },
      { send: GET, expect: [{ resultOf: 'first' }] },
    ],
  },
  {
    id: 'POE-2-7/own',
    requirement: 'POE-2-7',
    title: 'two links that were used give two results, each its own',
    why: 'A server that shows what came last shows people the orders of others.',
    blockedBy: 'POE-2-7/get',
    alone: true,
    steps: [
      ...SPENT,
      {
        send: { ...GET, follows: true },
        as: 'mine',
        only: [{ status: ['2xx'] }, { notEmpty: true }],
      },
      // A page that is another one each time, by a token in its forms, tells nothing.
      { send: { ...GET, follows: true }, only: [{ contentOf: 'mine' }] },
      { mint: 'M' },
      { send: { to: { link: 'M' } }, setup: [SUCCESS] },
      { send: { method: 'GET', to: { link: 'M' }, follows: true }, as: 'theirs' },
      {
        send: { ...GET, follows: true },
        expect: [
          { when: [{ differsFrom: 'mine' }], of: 'theirs', demand: [{ contentOf: 'mine' }] },
        ],
      },
    ],
  },
  {
    id: 'POE-2-7/range',
    requirement: 'POE-2-7',
    title: 'a part of the result is a part of this result',
    why: 'Downloads are resumed, and what they are put together of has to be one.',
    blockedBy: 'POE-2-7/get',
    steps: [
      MINT,
      { ...USE, only: [{ status: ['2xx'] }, { notEmpty: true }] },
      { send: GET, as: 'whole', only: [{ status: ['200'] }] },
      { send: { ...GET, fields: { Range: 'bytes=1-3' } }, expect: [{ partOf: 'whole' }] },
    ],
  },
  {
    id: 'POE-2-7/no-content',
    requirement: 'POE-2-7',
    title: 'where the answer had no content, GET says so with 204',
    why: 'Nothing is an answer, too: 404 or 405 would say that it did not happen.',
    steps: [
      MINT,
      { ...USE, only: [{ status: ['204'] }] },
      { send: GET, expect: [{ status: ['204'] }] },
    ],
  },
  {
    id: 'POE-2-7/restart',
    requirement: 'POE-2-7',
    title: 'GET gives the content of the answer after a restart of the server, too',
    why: 'The crash that lost the answer must not lose the result.',
    needs: ['restart'],
    blockedBy: ['POE-2-7/get', 'POE-2-7/own', 'POE-2-1/restart'],
    steps: [
      MINT,
      { ...USE, only: [{ status: ['2xx'] }, { notEmpty: true }] },
      { restart: true },
      { send: GET, expect: [{ resultOf: 'first' }] },
    ],
  },
  {
    id: 'H-LOC-2/created',
    requirement: 'H-LOC-2',
    title: 'the content of a 201 is shown by GET as 200',
    why: 'GET creates nothing.',
    warns: true,
    blockedBy: 'POE-2-7/get',
    steps: [
      MINT,
      { ...USE, only: [{ status: ['201'] }, { notEmpty: true }] },
      { send: GET, expect: [{ status: ['200'] }] },
    ],
  },
  {
    id: 'POE-2-8/cacheable',
    requirement: 'POE-2-8',
    title: 'where the answer could be cached, GET gives the same',
    why: 'A cache would answer the GET with it.',
    steps: [
      MINT,
      {
        ...USE,
        only: [
          { has: 'Content-Location' },
          { when: [{ notFresh: true }], demand: [{ lacks: 'Content-Location' }] },
          // Of another address it is no answer to a GET of this one.
          { cacheableByRule: true },
        ],
      },
      { send: GET, expect: [{ contentOf: 'first' }] },
    ],
  },
  {
    id: 'POE-2-9/location',
    requirement: 'POE-2-9',
    title: 'a redirect in answer to the POST says where: it has a Location',
    why: 'A 303 without Location leads nowhere, and nobody learns what was ordered.',
    steps: [
      MINT,
      {
        send: { to: L, fields: READER },
        setup: [SUCCESS],
        only: [{ status: ['301', '302', '303'] }],
        expect: [{ has: 'Location' }],
      },
    ],
  },
  {
    id: 'POE-2-9/redirect',
    requirement: 'POE-2-9',
    title: 'where the answer was a redirect, GET leads to the same place',
    why: 'Whoever reloads after a lost redirect arrives all the same.',
    blockedBy: ['POE-2-9/location', 'POE-2-2/redirected'],
    steps: [
      MINT,
      {
        send: { to: L, fields: READER },
        as: 'first',
        setup: [SUCCESS],
        only: [{ status: ['301', '302', '303'] }],
      },
      { send: { ...GET, fields: READER }, expect: [{ status: ['3xx'] }, { locationOf: 'first' }] },
    ],
  },
  {
    id: 'POE-2-9/empty-created',
    requirement: 'POE-2-9',
    title: 'where a 201 had no content, GET leads to its Location',
    why: 'There is nothing else to show.',
    steps: [
      MINT,
      { ...USE, only: [{ status: ['201'] }, { empty: true }, { has: 'Location' }] },
      { send: GET, expect: [{ status: ['3xx'] }, { locationOf: 'first' }] },
    ],
  },
  {
    id: 'POE-2-16/differs',
    requirement: 'POE-2-16',
    title: 'GET before and after success differ',
    why: 'A person who asks by GET wants to know whether it happened.',
    steps: [
      MINT,
      { send: GET, as: 'before' },
      USE,
      { send: GET, expect: [{ differsFrom: 'before' }] },
    ],
  },
]

/** What is safe stays safe. */
export const SAFE_METHODS: readonly Check[] = [
  {
    id: 'POE-2-16/get',
    requirement: 'POE-2-16',
    title: 'GET does not use the link up',
    why: 'Scanners and previews fetch every link that they see.',
    steps: [MINT, { send: GET, times: 2 }, STILL_USABLE],
  },
  {
    id: 'POE-2-16/other',
    requirement: 'POE-2-16',
    title: 'GET of a link that was not used does not show the result of another one',
    why: 'A false "it was ordered" ends a retry that was needed.',
    blockedBy: 'POE-2-16/differs',
    alone: true,
    steps: [
      ...SPENT,
      { send: GET, as: 'result', only: [{ status: ['2xx', '3xx'] }] },
      { mint: 'M' },
      { send: { method: 'GET', to: { link: 'M' } }, expect: [{ differsFrom: 'result' }] },
    ],
  },
  {
    id: 'POE-2-16/override',
    requirement: 'POE-2-16',
    title: 'GET that asks for POST in a field does not use the link up',
    why: 'GET is safe, whatever its fields say.',
    blockedBy: 'POE-2-16/get',
    steps: [MINT, { send: { ...GET, fields: overriddenBy('POST') } }, STILL_USABLE],
  },
  {
    id: 'POE-2-16/head',
    requirement: 'POE-2-16',
    title: 'HEAD does not use the link up',
    why: 'Link checkers use HEAD.',
    steps: [MINT, { send: HEAD, times: 2 }, STILL_USABLE],
  },
  {
    id: 'POE-2-16/prefetch',
    requirement: 'POE-2-16',
    title: 'a prefetch does not use the link up',
    why: 'Browsers fetch in advance what a person may never open.',
    blockedBy: 'POE-2-16/get',
    steps: [
      MINT,
      { send: { ...GET, fields: { 'Sec-Purpose': 'prefetch', Purpose: 'prefetch' } } },
      STILL_USABLE,
    ],
  },
  {
    id: 'POE-2-17/options',
    requirement: 'POE-2-17',
    title: 'OPTIONS does not use the link up',
    why: 'Browsers send it by themselves before a POST from another origin.',
    steps: [MINT, { send: OPTIONS }, STILL_USABLE],
  },
  {
    id: 'POE-1-1/other-methods',
    requirement: 'POE-1-1',
    title: 'PUT and PATCH do not use the link up',
    why: 'Only a successful POST does.',
    steps: [
      MINT,
      { send: { method: 'PUT', to: L } },
      { send: { method: 'PATCH', to: L } },
      STILL_USABLE,
    ],
  },
  {
    id: 'POE-2-17/other-methods',
    requirement: 'POE-2-17',
    title: 'PUT, PATCH and DELETE are not answered 2xx before the POST',
    why: 'A second way in would be a second order.',
    blockedBy: 'POE-1-1/other-methods',
    steps: [
      MINT,
      { send: { method: 'PUT', to: L }, expect: [NOT_2XX] },
      { send: { method: 'PATCH', to: L }, expect: [NOT_2XX] },
      { send: { method: 'DELETE', to: L }, as: 'deleted' },
      // A link may be called off; what is called off is no more.
      {
        send: { to: L },
        patiently: true,
        expect: [
          { when: [DONE], of: 'deleted', demand: [NOT_2XX] },
          { when: [{ status: ['405', '501'] }], of: 'deleted', demand: [SUCCESS] },
        ],
      },
    ],
  },
  {
    id: 'POE-2-17/spent',
    requirement: 'POE-2-17',
    title: 'PUT and PATCH to a spent link have no further effect, and do not open it again',
    why: 'A way around the refusal is a second order.',
    needs: ['effects'],
    blockedBy: ['POE-2-1/same', 'POE-2-2/reuse'],
    steps: [
      ...SPENT,
      { send: { method: 'PUT', to: L } },
      { send: { method: 'PATCH', to: L } },
      { send: { to: L }, expect: [NOT_2XX] },
      { effects: { exactly: 1 } },
    ],
  },
  {
    id: 'POE-1-1/delete',
    requirement: 'POE-1-1',
    title: 'DELETE does not make a spent link usable again',
    why: 'To forget is not to allow it once more.',
    blockedBy: 'POE-2-1/same',
    steps: [
      ...SPENT,
      { send: { method: 'DELETE', to: L } },
      { send: { to: L }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'H-OPT-1/unspent',
    requirement: 'H-OPT-1',
    title: 'OPTIONS lists POST while the link can be used',
    why: 'Allow tells what is allowed now.',
    steps: [MINT, { send: OPTIONS, only: [{ has: 'Allow' }], expect: [{ allowHas: 'POST' }] }],
  },
  {
    id: 'H-OPT-1/spent',
    requirement: 'H-OPT-1',
    title: 'OPTIONS that tells the state does not list POST once the link is spent',
    why: 'Allow tells what is allowed now.',
    steps: [
      MINT,
      { send: OPTIONS, as: 'before' },
      USE,
      {
        send: OPTIONS,
        // A list that never changes is that of the kind of resource, and tells no state.
        only: [{ has: 'Allow' }, { unlike: ['Allow', 'before'] }],
        expect: [{ allowLacks: 'POST' }],
      },
    ],
  },
  {
    id: 'H-405-1/get',
    requirement: 'H-405-1',
    title: 'a 405 to GET carries Allow',
    why: 'HTTP demands it.',
    steps: [MINT, { send: GET, only: [{ status: ['405'] }], expect: [{ has: 'Allow' }] }],
  },
  {
    id: 'H-405-1/put',
    requirement: 'H-405-1',
    title: 'a 405 to PUT carries Allow',
    why: 'HTTP demands it.',
    blockedBy: 'POE-1-1/other-methods',
    steps: [
      MINT,
      { send: { method: 'PUT', to: L }, only: [{ status: ['405'] }], expect: [{ has: 'Allow' }] },
    ],
  },
  {
    id: 'H-HEAD-1/unspent',
    requirement: 'H-HEAD-1',
    title: 'HEAD is like GET before the POST',
    why: 'HEAD is GET without its content.',
    blockedBy: 'POE-2-16/get',
    steps: [MINT, ...LIKE_GET],
  },
  {
    id: 'H-HEAD-1/spent',
    requirement: 'H-HEAD-1',
    title: 'HEAD is like GET after the POST',
    why: 'HEAD is GET without its content.',
    steps: [...SPENT, ...LIKE_GET],
  },
]
