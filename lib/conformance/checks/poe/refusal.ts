/**
 * What a POST to a spent resource is told.
 *
 * @see POE draft 2; RFC 9110 10.2.1, 13.2.1, 15.5.6
 */
import type { Check } from '../../catalogue.js'
import { GET, L, MINT, NO_REDIRECT, NOT_2XX, READER, SPENT, SUCCESS, USE } from '../fragments.js'

/** Referrer policies that tell no other site the path of a page. */
const SILENT_REFERRERS = [
  'no-referrer',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
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
    id: 'POE-2-4/redirect',
    requirement: 'POE-2-4',
    title: 'no repeat is answered by a redirect, as a success is: not that of a form, either',
    why: 'A browser that follows it shows what was ordered before as the answer to this order.',
    blockedBy: [
      'POE-2-1/same',
      'POE-2-1/other-body',
      'POE-1-3/reuse',
      'POE-2-2/redirected',
      'POE-2-4/reuse',
    ],
    steps: [
      MINT,
      { ...USE, send: { to: L, fields: READER } },
      { send: { to: L, fields: READER }, expect: [NO_REDIRECT] },
      { send: { to: L, fields: READER, body: 'otherValid' }, expect: [NO_REDIRECT] },
      { send: { to: L, body: 'otherValid', poe: false }, expect: [NO_REDIRECT] },
    ],
  },
  {
    id: 'POE-2-21/other-body',
    requirement: 'POE-2-21',
    title: 'a POST with other content is answered 405, too',
    why: 'The resource is used up, whatever is sent to it.',
    blockedBy: ['POE-2-4/reuse', 'POE-2-1/other-body'],
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
      ...[{}, READER].map(fields => ({
        send: { to: L, fields },
        only: [{ status: ['405'] }, { has: 'Allow' }],
        expect: [{ allowLacks: 'POST' }],
      })),
    ],
  },
  {
    id: 'POE-2-6/reuse',
    requirement: 'POE-2-6',
    title: 'the 405 carries Allow',
    why: 'HTTP demands it, and clients tell by it whose 405 this is.',
    steps: [
      ...SPENT,
      ...[{}, READER].map(fields => ({
        send: { to: L, fields },
        only: [{ status: ['405'] }],
        expect: [{ has: 'Allow' }],
      })),
    ],
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
    id: 'H-LOC-1/target',
    requirement: 'H-LOC-1',
    title: 'a Location on the refusal does not lead to the result of another link',
    why: 'Whoever reads it takes what is there for the own order.',
    blockedBy: 'POE-2-1/same',
    alone: true,
    steps: [
      ...SPENT,
      { mint: 'M' },
      { send: { to: { link: 'M' } }, as: 'other', setup: [SUCCESS] },
      {
        send: { to: L },
        only: [{ status: ['4xx'] }, { has: 'Location' }],
        // All results may be in one place.
        expect: [{ anyOf: [[{ locationOf: 'first' }], [{ unlike: ['Location', 'other'] }]] }],
      },
    ],
  },
  {
    id: 'H-LINK-1/relation',
    requirement: 'H-LINK-1',
    title: 'a link with the relation for results has the address of the POST as its anchor',
    why: 'Clients take this relation for proof, and the anchor says what it is a proof of.',
    steps: [
      ...SPENT,
      {
        send: { to: L },
        only: [{ status: ['4xx'] }, { has: 'Link' }],
        expect: [{ resultLink: 'relation' }],
      },
    ],
  },
  {
    id: 'H-LINK-1/reuse',
    requirement: 'H-LINK-1',
    title: 'a link to the result names its context',
    why: 'The context of a link in an error is the error, unless an anchor says otherwise.',
    warns: true,
    blockedBy: 'H-LINK-1/relation',
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
    alone: true,
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
          // Where Location leads nowhere, either, the link is not to blame.
          { anyOf: [[{ status: ['!404', '!410', '!5xx'] }], [{ targetOf: 'first' }]] },
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
