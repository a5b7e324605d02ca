/**
 * Why the rules of what a POE server says matter, how servers break them, and how that is mended.
 *
 * @see spec-notes/draft-poe-bis.md 5, 6, 8, 9, 16, 17
 */
import type { Why } from './why.js'

/** Of statuses, fields and contents. */
export const ANSWERS: Readonly<Record<string, Why>> = {
  'POE-2-4': {
    why: 'Only from 405 a client concludes that an earlier try was accepted.',
    wrong: 'Repeats are told 400, 403, 404, 409 or 410, by habit or by a framework.',
    mend: 'Answer 405 with Allow: GET, HEAD, OPTIONS and a Link to the result.',
  },
  'POE-2-5': {
    why: 'An Allow with POST says that the link can still be used: the client sends again.',
    wrong: 'A router writes the Allow field from its table of routes.',
    mend: 'Write Allow from the state of the link, after the router.',
  },
  'POE-2-6': {
    why: 'HTTP demands it, and clients tell by it whose 405 it is.',
    wrong: 'The status is set by hand, and the field is forgotten or dropped with an exception.',
    mend: 'Send Allow with every 405; an empty list is allowed, too.',
  },
  'POE-2-7': {
    why: 'A client that lost the answer finds it here.',
    wrong:
      'GET of the link is 404 or 405 after the order; it shows the newest order whoever it is ' +
      "of; a refused repeat's answer takes the place of the first one.",
    mend:
      'Keep the first answer (type, content, Location) beside the mark, and give it to GET with ' +
      '200; give 204 where it had no content.',
  },
  'POE-2-8': {
    why: 'A cache that may keep the answer of the POST gives it to the later GET.',
    wrong: 'The answer is marked as cacheable, and GET gives something else.',
    mend: 'Send no-store with the answer, or give the same representation by GET.',
  },
  'POE-2-9': {
    why: 'Who reloads after a lost redirect has to arrive at the same place.',
    wrong: 'The redirect is not recorded, and GET of the link shows the form or an error.',
    mend: 'Record Location, and answer GET of the spent link by 303 to it.',
  },
  'POE-2-21': {
    why: 'The link is used up, whatever is sent to it; another status hides that.',
    wrong: 'The content is validated before the record is looked up: a repeat is told 422 or 400.',
    mend: 'Look the record up first. Say in the refusal that what was sent now was not done.',
  },
  'POE-6-2': {
    why: 'Who pressed the button twice must be able to read that the order is placed.',
    wrong: 'The refusal is JSON, or empty, also for a browser.',
    mend: 'For Accept: text/html (or text/plain) answer with a sentence and a link to the result.',
  },
  'H-405-1': {
    why: 'HTTP demands Allow with every 405.',
    wrong: 'The framework answers unknown methods by itself and leaves the field out.',
    mend: 'Answer other methods at a link yourself, with the Allow of its state.',
  },
  'H-405-2': {
    why: 'Clients read the state of a link from Allow; names of methods are case-sensitive.',
    wrong: 'GET of a spent link carries the Allow of the route, with POST; or "get, post".',
    mend: 'Write Allow from the state on every answer at the link, or leave it out.',
  },
  'H-412-2': {
    why: 'Who reads 412 believes that nothing happened.',
    wrong: 'A middleware judges If-Match and If-None-Match before anybody asks for the record.',
    mend: 'Look the record up first; conditions count where the answer would be 2xx.',
  },
  'H-LOC-1': {
    why: 'Clients follow a Location that has no meaning there, or take it for a new order.',
    wrong: 'The fields of the recorded answer are copied onto the refusal.',
    mend: 'Point at the result by Link, with anchor; leave Location to 201 and redirects.',
  },
  'H-LOC-2': {
    why: 'GET creates nothing, so its 201 would tell of a second order.',
    wrong: 'The recorded answer is replayed with its status.',
    mend: 'Answer GET with 200 and the recorded content.',
  },
  'H-LINK-1': {
    why: 'Without an anchor a link in an error is a link of the error, and proves nothing.',
    wrong: 'Link names the result and no anchor, or an anchor that is not the link.',
    mend:
      'Write Link: </orders/7>; rel="related urn:post-once-exactly:rel:result"; ' +
      'anchor="<the link>".',
  },
  'H-PROB-1': {
    why: 'Programs need more than a status: 409 and 410 have two meanings each.',
    wrong: 'Refusals are free text, or JSON of a form of its own.',
    mend: 'Answer application/problem+json with the type of the state (RFC 9457).',
  },
  'H-409-1': {
    why: 'Who reads 409 has to know that waiting helps.',
    wrong: 'The answer is empty.',
    mend: 'Say that the same request is being carried out, and send Retry-After.',
  },
  'H-410-1': {
    why: 'Caches may keep 404 and 410 by heuristics.',
    wrong: 'Refusals of expired links go out without Cache-Control.',
    mend: 'Send Cache-Control: no-store, and a Link with rel="create-form" to a fresh form.',
  },
  'H-HEAD-1': {
    why: 'Link checkers and careful clients use HEAD in the place of GET.',
    wrong: 'HEAD has no handler: 404 or 405, or other fields than GET.',
    mend: 'Answer HEAD by the handler of GET without sending the content.',
  },
  'H-OPT-1': {
    why: 'Allow tells what is allowed now, and OPTIONS is how one asks for it.',
    wrong: 'A router or a CORS middleware answers OPTIONS with a fixed list.',
    mend: 'Answer OPTIONS at a link from its state; let only preflights pass to CORS.',
  },
  'H-RA-1': {
    why: 'Clients that are told nothing come back at once, all of them.',
    wrong:
      'Servers say "not now" (409, 429, 503) without Retry-After. Clients ignore it, or read ' +
      'one of its two forms only.',
    mend: 'Servers send Retry-After in seconds. Clients take it for the least pause.',
  },
  'H-100-1': {
    why: 'A client that asks first is spared the upload of what is refused.',
    wrong:
      'The platform answers 100 before the handler is asked, or a parser reads the body first.',
    mend: 'Look the record up before the content is read; in Node handle "checkContinue".',
  },
  'H-POST-1': {
    why: 'A kept answer of a POST is given to a later GET, of other people too.',
    wrong: 'A default of the framework adds max-age to every answer.',
    mend: 'Send no-store, or explicit freshness together with Content-Location equal to the URI.',
  },
  'H-CACHE-1': {
    why: 'Of two people with one link the second is told that an order was placed which was not.',
    wrong: 'The page with the form is cached by a CDN, with public, s-maxage or a validator.',
    mend: 'Send Cache-Control: private, no-cache and no ETag with every page that has a link.',
  },
  'H-CACHE-2': {
    why: 'After a lost answer nothing tells a cache that "nothing has happened yet" is wrong.',
    wrong: 'The form at the link is cacheable.',
    mend: 'Send Cache-Control: no-store with what GET says before the order.',
  },
  'H-CACHE-3': {
    why: '404, 405 and 410 may be kept by heuristics and then hide the result.',
    wrong: 'Only pages of success have Cache-Control; errors are written elsewhere.',
    mend: 'Send Cache-Control: no-store from one place, on every answer at a link.',
  },
  'H-VARY-1': {
    why: 'A cache would hand the page to a program, and the JSON to a person.',
    wrong: 'The answer is chosen by Accept, and Vary does not say so.',
    mend: 'Add Accept to Vary wherever it was looked at.',
  },
  'H-SUN-1': {
    why: 'Sunset says that the page itself will be gone.',
    wrong: "The link's life is written into Sunset.",
    mend: 'Tell the life of the link in the content, as expires.',
  },
}
