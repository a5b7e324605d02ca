/**
 * Pages that hand out links: the `POE-Links` field, the `POE` field, and what caches may do.
 *
 * @see POE draft 3, 4; RFC 9110 12.5.5; RFC 9111 3, 4, 5.2
 */
import type { Check, Expectation } from '../../catalogue.js'
import { L, MINT, NOT_2XX, READER, SPENT, SUCCESS, USE } from '../fragments.js'

const PAGE = { to: { page: true } } as const
const ANNOUNCED: Expectation = { has: 'POE-Links' }
/** What no cache keeps needs no Vary. */
const NO_STORE: Expectation = { lists: ['Cache-Control', 'no-store'] }
const PRIVATE: Expectation = { lists: ['Cache-Control', 'private'] }
const SERVED: Expectation = { status: ['2xx', '3xx'] }

/** How `POE-Links` is written. */
export const FIELD: readonly Check[] = [
  {
    id: 'POE-3-1/quoted',
    requirement: 'POE-3-1',
    title: 'every link in POE-Links is quoted, in ASCII and percent-encoded',
    why: 'Without quotes a comma in a link makes two of it.',
    steps: [{ send: PAGE, only: [ANNOUNCED], expect: [{ poeLinks: 'quoted' }] }],
  },
  {
    id: 'POE-3-2/fragment',
    requirement: 'POE-3-2',
    title: 'no link in POE-Links has a fragment',
    why: 'A fragment never reaches the server.',
    steps: [{ send: PAGE, only: [ANNOUNCED], expect: [{ poeLinks: 'no fragment' }] }],
  },
  {
    id: 'POE-3-3/empty',
    requirement: 'POE-3-3',
    title: 'POE-Links is not sent empty',
    why: 'Nothing to announce means no field.',
    steps: [{ send: PAGE, only: [ANNOUNCED], expect: [{ poeLinks: 'not empty' }] }],
  },
  {
    id: 'POE-3-16/empty-members',
    requirement: 'POE-3-16',
    title: 'POE-Links has no empty members',
    why: 'Senders of lists must not make them.',
    steps: [{ send: PAGE, only: [ANNOUNCED], expect: [{ poeLinks: 'no empty members' }] }],
  },
  {
    id: 'POE-3-10/origin',
    requirement: 'POE-3-10',
    title: 'the links are of the same origin as the page',
    why: 'Careful clients ignore the others.',
    steps: [{ send: PAGE, only: [ANNOUNCED], expect: [{ poeLinks: 'own origin' }] }],
  },
  {
    id: 'POE-3-10/link',
    requirement: 'POE-3-10',
    title: 'the link of the page, wherever it stands, is of the same origin as the page',
    why: 'A promise about the resources of somebody else is not the server’s to give.',
    blockedBy: 'POE-3-10/origin',
    steps: [{ send: PAGE, only: [SERVED], expect: [{ ownLink: true }] }],
  },
  {
    id: 'POE-3-9/content',
    requirement: 'POE-3-9',
    title: 'each announced link stands in the content, too',
    why: 'The field says which of the links of a page are POE resources.',
    steps: [
      { send: PAGE, only: [ANNOUNCED, { notEmpty: true }], expect: [{ linksInContent: true }] },
    ],
  },
  {
    id: 'POE-3-19/exposed',
    requirement: 'POE-3-19',
    title: 'scripts of other origins that may read the page may read POE-Links',
    why: 'A browser hides the field unless it is exposed.',
    warns: true,
    steps: [
      {
        send: { ...PAGE, fields: { Origin: 'https://elsewhere.example' } },
        only: [{ has: 'Access-Control-Allow-Origin' }, ANNOUNCED],
        expect: [
          {
            anyOf: [
              [{ lists: ['Access-Control-Expose-Headers', 'POE-Links'] }],
              [{ lists: ['Access-Control-Expose-Headers', '*'] }],
            ],
          },
        ],
      },
    ],
  },
]

/** What the request field `POE` may change. */
export const REQUEST_FIELD: readonly Check[] = [
  {
    id: 'POE-4-4/odd-values',
    requirement: 'POE-4-4',
    title: 'odd values of POE cause no refusal',
    why: 'The field is a hint; a client of tomorrow may send another number.',
    steps: ['2', '0', 'x', '', '1, 1', '1;q=1', '9'.repeat(400)].map(value => ({
      send: { ...PAGE, poe: false, fields: { POE: value } },
      expect: [SERVED],
    })),
  },
  {
    id: 'POE-4-4/guarantee',
    requirement: 'POE-4-4',
    title: 'an odd value of POE changes nothing about the guarantee',
    why: 'Whoever garbles a field must not get a second order.',
    blockedBy: 'POE-2-1/same',
    steps: [
      MINT,
      { ...USE, send: { to: L, poe: false, fields: { POE: 'x' } } },
      { send: { to: L, poe: false, fields: { POE: 'x' } }, expect: [NOT_2XX] },
    ],
  },
  {
    id: 'POE-4-5/newer',
    requirement: 'POE-4-5',
    title: 'a client that says POE: 2 is told of links as one that says POE: 1',
    why: 'A newer client speaks this version, too.',
    steps: [
      { send: PAGE, as: 'one', only: [ANNOUNCED] },
      { send: { ...PAGE, poe: false, fields: { POE: '2' } }, expect: [ANNOUNCED] },
    ],
  },
  {
    id: 'POE-4-6/vary',
    requirement: 'POE-4-6',
    title: 'where the field decides, both variants say Vary: POE',
    why: 'A cache would hand the one to clients that asked for the other.',
    needs: ['page'],
    steps: [
      { send: PAGE, as: 'with' },
      {
        send: { ...PAGE, poe: false },
        as: 'without',
        expect: [
          {
            when: [ANNOUNCED],
            of: 'with',
            demand: [{ anyOf: [[ANNOUNCED], [{ lists: ['Vary', 'POE'] }], [NO_STORE]] }],
          },
        ],
      },
      {
        send: PAGE,
        expect: [
          {
            when: [{ lacks: 'POE-Links' }],
            of: 'without',
            demand: [
              { anyOf: [[{ lacks: 'POE-Links' }], [{ lists: ['Vary', 'POE'] }], [NO_STORE]] },
            ],
          },
        ],
      },
    ],
  },
]

/** What caches may do. */
export const CACHES: readonly Check[] = [
  {
    id: 'H-CACHE-1/page',
    requirement: 'H-CACHE-1',
    title: 'a page with a link is not shared by caches',
    why: 'Two people with one link: the second one is told that an order was placed which was not.',
    needs: ['page'],
    steps: [{ send: PAGE, expect: [{ notShared: true }] }],
  },
  {
    id: 'POE-3-18/revived',
    requirement: 'POE-3-18',
    title: 'a page whose link is spent is not confirmed by 304',
    why: 'The cache would show the dead link again, as new.',
    needs: ['page'],
    steps: [MINT, USE, { send: { ...PAGE, revalidates: 'L' }, expect: [{ status: ['!304'] }] }],
  },
  {
    id: 'H-VARY-1/negotiated',
    requirement: 'H-VARY-1',
    title: 'where Accept decides about the page, Vary says so',
    why: 'A cache would hand the page to a program, and the JSON to a person.',
    warns: true,
    needs: ['page'],
    steps: [
      { send: { ...PAGE, fields: READER }, as: 'html', only: [SERVED] },
      {
        send: { ...PAGE, fields: { Accept: 'application/json' } },
        only: [SERVED],
        expect: [
          {
            when: [{ typeIs: 'text/html' }],
            of: 'html',
            demand: [
              { anyOf: [[{ typeIs: 'text/html' }], [{ lists: ['Vary', 'Accept'] }], [NO_STORE]] },
            ],
          },
        ],
      },
    ],
  },
  {
    id: 'H-SUN-1/page',
    requirement: 'H-SUN-1',
    title: 'the page does not carry Sunset for the life of its link',
    why: 'Sunset speaks of the page itself.',
    needs: ['page'],
    steps: [{ send: PAGE, expect: [{ lacks: 'Sunset' }] }],
  },
  {
    id: 'H-CACHE-2/before',
    requirement: 'H-CACHE-2',
    title: 'what GET says before the POST is not kept by any cache',
    why: 'After a lost answer nothing would tell the cache that it is out of date.',
    steps: [MINT, { send: { method: 'GET', to: L }, expect: [{ notStored: true }] }],
  },
  {
    id: 'H-CACHE-3/reuse',
    requirement: 'H-CACHE-3',
    title: 'the refusal of a repeat does not say that caches may keep it',
    why: 'It would hide the result. Where nothing is said, no cache keeps the answer to a POST.',
    steps: [
      ...SPENT,
      { send: { to: L }, only: [{ status: ['4xx'] }], expect: [{ notFresh: true }] },
    ],
  },
  {
    id: 'H-CACHE-3/unknown',
    requirement: 'H-CACHE-3',
    title: 'what is said of an unknown link is not kept by any cache',
    why: '404 may be kept by heuristics.',
    warns: true,
    steps: [
      MINT,
      {
        send: { method: 'GET', to: { link: 'L', forged: 'changed' } },
        only: [{ status: ['4xx'] }],
        expect: [{ notStored: true }],
      },
    ],
  },
  {
    id: 'H-CACHE-3/result',
    requirement: 'H-CACHE-3',
    title: 'the result is not kept by shared caches',
    why: 'It is for the one who ordered.',
    steps: [
      ...SPENT,
      {
        send: { method: 'GET', to: L },
        only: [{ status: ['2xx', '3xx'] }],
        // It never changes: the cache of whoever ordered may keep it.
        expect: [{ anyOf: [[{ notFresh: true }], [PRIVATE]] }],
      },
    ],
  },
  {
    id: 'H-POST-1/success',
    requirement: 'H-POST-1',
    title: 'the answer to the POST says nothing of freshness that it must not',
    why: 'A POST answer can be kept only for a later GET, under Content-Location.',
    // A private cache that takes it for its own harms nobody.
    steps: [MINT, { ...USE, expect: [{ anyOf: [[{ cacheableByRule: true }], [PRIVATE]] }] }],
  },
]

/** Other ways to write a link's URI. */
export const SPELLINGS: readonly Check[] = (
  [
    ['encoded', 'with a percent-encoded letter', null],
    ['query', 'with one more parameter', null],
    ['slash', 'with a slash behind it', null],
    ['slashes', 'with a doubled slash', null],
    ['dots', 'with a dot segment', null],
    ['absolute', 'in the absolute form', 'http1'],
    ['malformed', 'with a broken percent-encoding', null],
    ['hex', 'with each letter percent-encoded', null],
    ['encoded-slash', 'with its last slash percent-encoded', null],
    ['case', 'with its letters in the other case', null],
    ['last-bit', 'whose token ends in another bit', null],
    ['suffix', 'with a letter behind it', null],
    ['extension', 'with .json behind it', null],
    ['segment', 'with one more segment', null],
    ['parameter', 'with a parameter behind its last segment', null],
    ['sibling', 'at the path that the adapter names', 'sibling'],
  ] as const
).flatMap(([spelling, words, need]): Check[] => {
  const needs = need === null ? [] : [need]
  const spelt = { to: { link: 'L', spelling } } as const
  const plain = 'POE-2-1/same'
  const isEncoded = spelling === 'hex' || spelling === 'encoded-slash'
  return [
    {
      id: `POE-2-23/${spelling}`,
      requirement: 'POE-2-23',
      title: `a spent link ${words} is not answered 2xx`,
      why: 'Routers, proxies and stores do not agree on which spellings are one URI.',
      needs,
      blockedBy: isEncoded ? [plain, 'POE-2-23/encoded'] : plain,
      steps: [...SPENT, { send: spelt, expect: [NOT_2XX, { status: ['!5xx'] }] }],
    },
    {
      id: `POE-2-23/${spelling}-first`,
      requirement: 'POE-2-23',
      title: `a link ${words} that worked is used up as it was issued, and else it is not`,
      why: 'Two spellings must not be two links.',
      needs,
      blockedBy: [plain, `POE-2-23/${spelling}`, ...(isEncoded ? ['POE-2-23/encoded-first'] : [])],
      steps: [
        MINT,
        { send: spelt, as: 'spelt' },
        {
          send: { to: L },
          // Another redirect leads to the usual spelling.
          expect: [
            { when: [{ status: ['2xx', '303'] }], of: 'spelt', demand: [NOT_2XX] },
            // What is not there has not used it up.
            { when: [{ status: ['404'] }], of: 'spelt', demand: [SUCCESS] },
          ],
        },
      ],
    },
  ]
})
