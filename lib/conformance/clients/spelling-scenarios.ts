/**
 * Pages that hand out their link in other ways than the plain one.
 *
 * @see POE draft 3, 8; RFC 9110 9.2.2; RFC 9112 6.3
 */
import { CREATED, LOST_AFTER, NOT_TOLD_AS_ACCEPTED, PROVEN, scenario } from './reactions.js'
import type { ClientCheck, PageScript, Scenario } from './scenario.js'

const RIGHT = [CREATED, PROVEN]
const FOUND = [{ ended: ['accepted'] }, { effects: { exactly: 1 } }] as const

function spelt(
  id: string,
  title: string,
  page: PageScript,
  more: Partial<ClientCheck> = {},
): Scenario {
  const check = { id, title, why: 'Servers may write it so.', expect: FOUND, ...more }
  return { name: title, script: { page, link: RIGHT }, needsPage: true, checks: [check] }
}

/** The pages. */
export const SPELLINGS: readonly Scenario[] = [
  spelt('POE-3-6/lines', 'a link in the second line of the field is found', {
    lines: ['', '"{link}"'],
  }),
  spelt('POE-3-16/empty-members', 'empty members are skipped', { lines: [', "{link}", ,'] }),
  spelt('POE-3-4/comma', 'a comma between quotes is a part of the link', {
    path: '/once/a,b/{token}',
    lines: ['"{link}"'],
  }),
  spelt('POE-3-7/relative', 'a relative path is resolved against the page', {
    path: '/shop/once/{token}',
    lines: ['"once/{token}"'],
  }),
  spelt('POE-3-7/query', 'a query alone is resolved against the page', {
    path: '/shop/page?order={token}',
    lines: ['"?order={token}"'],
  }),
  spelt('POE-3-7/scheme-relative', 'a reference with an authority is understood', {
    lines: ['"//{host}{link}"'],
  }),
  spelt('POE-3-7/absolute', 'an absolute URI is understood', { lines: ['"http://{host}{link}"'] }),
  spelt('POE-3-14/twice', 'a link that is named twice is one', { lines: ['"{link}", "{link}"'] }),
  spelt(
    'POE-3-8/base',
    'Content-Location is no base',
    {
      path: '/shop/once/{token}',
      lines: ['"once/{token}"'],
      fields: { 'Content-Location': '/elsewhere/page' },
    },
    { why: 'RFC 9110 has taken that meaning from it.' },
  ),
  spelt(
    'POE-3-13/unquoted',
    'a link without quotes is understood',
    { lines: ['{link}'] },
    { warns: true, why: 'All servers that were found in the wild write it so.' },
  ),
  spelt(
    'POE-3-2/fragment',
    'a fragment is never sent',
    { lines: ['"{link}#top"'] },
    { expect: [{ never: 'elsewhere' }], why: 'It is not a part of what a server is asked for.' },
  ),
  spelt(
    'POE-8-4/foreign',
    'a link to another origin is not used',
    { lines: ['"http://{foreign}{link}"'] },
    {
      expect: [{ never: 'foreign' }, { effects: { exactly: 0 } }],
      why: 'A page must not make its readers order elsewhere.',
    },
  ),
  spelt(
    'POE-8-4/authority',
    'a reference with the authority of another origin is not used',
    { lines: ['"//{foreign}{link}"'] },
    {
      expect: [{ never: 'foreign' }, { effects: { exactly: 0 } }],
      why: 'It looks like a path and is none.',
    },
  ),
  spelt(
    'POE-3-10/among',
    'among links to other origins the right one is used',
    { lines: ['"http://{foreign}{link}", "{link}"', '"//{foreign}{link}"'] },
    {
      expect: [{ never: 'foreign' }, ...FOUND],
      why: 'The field is the word of its own origin only.',
    },
  ),
  spelt(
    'POE-3-5/backslash',
    'a member with a backslash is no link',
    { lines: ['"/once\\{token}-no", "{link}"'] },
    { expect: [{ never: 'elsewhere' }], why: 'There are no escapes, and no URI has a backslash.' },
  ),
  spelt(
    'POE-3-8/moved-page',
    'a relative path is resolved against the page that a redirect led to',
    { path: '/shop/once/{token}', lines: ['"once/{token}"'], isMoved: true },
    { why: 'The page is what was answered in the end.' },
  ),
  spelt(
    'POE-3-3/empty',
    'an empty field announces nothing',
    { lines: [''] },
    { expect: [{ posts: { atMost: 0 } }, NOT_TOLD_AS_ACCEPTED], why: 'Nothing is not a URI.' },
  ),
  scenario(
    'a link that could be spelt otherwise',
    { page: { path: '/once/a%2Fb;v=1/{token}?x=%7e&y' }, link: RIGHT },
    {
      id: 'POE-A-4/spelling',
      title: 'a link is asked for as it is spelt',
      why: 'Whatever is mended in it makes another URI of it.',
      expect: FOUND,
    },
  ),
  {
    name: 'a page without links',
    script: { page: { lines: [], post: LOST_AFTER }, link: [LOST_AFTER] },
    needsPage: true,
    checks: [
      {
        id: 'H-RETRY-1/no-link',
        title: 'what is not known to be a link is not posted to twice',
        why: 'Without a link a further POST is a further order.',
        expect: [{ posts: { atMost: 1 } }, { effects: { atMost: 1 } }],
      },
    ],
  },
  {
    name: 'an endpoint that makes links',
    script: { page: { isMint: true }, link: RIGHT },
    needsPage: true,
    checks: [
      {
        id: 'H-FRM-1/empty',
        title: 'an empty POST says Content-Length: 0',
        why: 'Servers wait for a content that has no length.',
        arises: [{ asked: ['page', 'POST'] }],
        expect: [{ saysLength: true }],
      },
    ],
  },
]
