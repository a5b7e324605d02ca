/**
 * Faults in how links are handed out: pages, their fields and the links themselves.
 */
import { type Fault, fault, fieldOf, isPage, refielded, where } from './fault.js'

/** Faults in how links are handed out. */
export const WRONG_PAGES: readonly Fault[] = [
  fault('page-cacheable', 'H-CACHE-1', 'lets every cache keep a page with a link', {
    pageFields: { 'Cache-Control': 'public, max-age=60' },
  }),
  fault('page-silent', 'H-CACHE-1', 'says nothing of caches on a page with a link', {
    pageFields: {},
  }),
  fault(
    'page-etag',
    'POE-3-18 H-CACHE-1',
    'gives the page an ETag and confirms it when its link is spent',
    where(isPage, (answer, { request }) => {
      const tagged = refielded(answer, { ETag: '"new-order"' })
      if (fieldOf(request, 'if-none-match') !== '"new-order"') return tagged
      const bare = refielded(tagged, { 'POE-Links': null, 'Content-Type': null })
      return { ...bare, status: 304, body: null }
    }),
  ),
  fault('shared-link', 'POE-8-5', 'gives the same unspent link to everybody', {
    handsOutAgain: link => link.state === 'unspent',
    mayUse: () => true,
  }),
  fault('guessable', 'POE-8-5', 'numbers its links', { newName: count => String(12344 + count) }),
  fault(
    'vary-missing',
    'POE-4-6 H-VARY-1',
    'lets POE decide whether links are announced and does not say so',
    where(isPage, answer => refielded(answer, { Vary: null })),
    { fieldDecides: true },
  ),
  fault('link-with-fragment', 'POE-3-2', 'writes a link with a fragment', {
    writes: path => `${path}#order`,
  }),
  fault('link-not-ascii', 'POE-3-1', 'writes a link with letters beyond ASCII', {
    writes: path => `${path}?für=bob`,
  }),
  fault('links-unquoted', 'POE-3-1', 'writes POE-Links without quotes', {
    announces: link => link,
  }),
  fault('links-empty', 'POE-3-3', 'writes an empty POE-Links', { announces: () => '' }),
  fault('links-empty-member', 'POE-3-16', 'writes an empty member into POE-Links', {
    announces: link => `"${link}", ,`,
  }),
  fault('links-not-in-page', 'POE-3-9', 'announces a link that the page does not name', {
    announces: link => `"${link}", "${link.replace(/[^/]*$/, '1-notInThePageAtAllNoWay')}"`,
  }),
]
