/**
 * Why the rules of the two fields matter, how they are broken, and how that is mended.
 *
 * @see spec-notes/draft-poe-bis.md 10, 11
 */
import type { Why } from './why.js'

const LENIENT = 'Take a parser that passes the vectors of the text, section 10.3.'

/** Of `POE-Links` and `POE`. */
export const FIELDS: Readonly<Record<string, Why>> = {
  'POE-3-1': {
    why: 'Without quotes a comma in a link makes two links of it.',
    wrong: 'The URL is written into the field as it is, or with letters that are not ASCII.',
    mend: 'Write POE-Links: "/orders/once/...", percent-encoded, each link in double quotes.',
  },
  'POE-3-2': {
    why: 'A fragment never reaches the server.',
    wrong: 'The link is copied from a page, with its #part. Clients send it on, or drop the link.',
    mend: 'Servers leave the fragment out. Clients take it off a quoted link.',
  },
  'POE-3-3': {
    why: 'An empty field is no list, and nothing is not a URI.',
    wrong: 'The field is written always. Clients take "" or the page itself for a link.',
    mend: 'Servers send no field where there is no link. Clients learn nothing from an empty one.',
  },
  'POE-3-4': {
    why: 'A link may hold a comma; split there, it is two wrong links.',
    wrong: 'The value is split at every comma.',
    mend: LENIENT,
  },
  'POE-3-5': {
    why: 'What is made of a broken member is a URI that nobody meant.',
    wrong: 'The field is read as quoted-strings with escapes, or quotes are just stripped.',
    mend: LENIENT,
  },
  'POE-3-6': {
    why: 'Servers and proxies may write one line for each link.',
    wrong: 'Only the first or the last line is read.',
    mend: 'Join the lines by commas, in their order, and read the whole.',
  },
  'POE-3-7': {
    why: 'Each of these forms is a URI reference that servers may write.',
    wrong: 'Only absolute URLs, or only paths, are taken.',
    mend: 'Resolve the reference with a URL parser against the URL of the page.',
  },
  'POE-3-8': {
    why: 'A wrong base makes another address of the link, and the POST goes there.',
    wrong:
      'References are resolved against Content-Location, <base>, or the URL that was asked first.',
    mend: 'Resolve against the URL that the page came from, after redirects.',
  },
  'POE-3-9': {
    why: 'The field says which of the links of a page are POE resources.',
    wrong: 'The link in the field and the one in the form are minted apart, and differ.',
    mend: 'Mint once for each page, and write the same link into both.',
  },
  'POE-3-10': {
    why: 'The field is the word of one origin about its own resources.',
    wrong:
      'A server behind a proxy writes its inner host into links. A client takes links of any ' +
      'origin, or gives up where one of them is foreign.',
    mend: 'Servers write links that begin with a slash. Clients ignore those of other origins.',
  },
  'POE-3-11': {
    why: 'It is a field of answers; in a request it tells your links to others.',
    wrong: 'All fields of the page are copied into the next request.',
    mend: 'Send only the fields that the request needs.',
  },
  'POE-3-13': {
    why: 'Servers in use write links without quotes; a field that is dropped protects nobody.',
    wrong: 'A strict parser drops the whole field.',
    mend: LENIENT,
  },
  'POE-3-14': {
    why: 'A link that is named twice is one chance, and not two.',
    wrong: 'Each member is posted to.',
    mend: 'Compare links after resolving them.',
  },
  'POE-3-16': {
    why: 'Senders of lists must not make empty members; readers have to skip them.',
    wrong: 'The list is joined with a comma behind it. Readers stop at the first empty member.',
    mend: 'Servers join what there is. Clients skip what is empty.',
  },
  'POE-3-18': {
    why: 'A cache shows the dead link again, as new, after a 304.',
    wrong: 'A middleware adds ETag to every page and answers 304.',
    mend: 'Send no validators with pages that have links.',
  },
  'POE-3-19': {
    why: 'A browser hides from scripts of other origins what is not exposed.',
    wrong: 'CORS lets the page be read, and Access-Control-Expose-Headers names nothing.',
    mend: 'Expose POE-Links, Link, Allow, Location and Retry-After, on refusals as well.',
  },
  'POE-4-1': {
    why: 'A server may hand out links to those only who say that they know them.',
    wrong: 'The field is sent with the POST and not with the page, or not at all.',
    mend: 'Send POE: 1 with every request to the origin.',
  },
  'POE-4-4': {
    why: 'The field is a hint. Who garbles it must not get a second order or a refusal.',
    wrong: 'The value is validated, or the protection is switched on by it.',
    mend: 'Read what is no number as if the field were absent, and protect in any case.',
  },
  'POE-4-5': {
    why: 'A newer client speaks this version, too.',
    wrong: 'The value is compared with "1".',
    mend: 'Take every number from 1 for a client that knows links.',
  },
  'POE-4-6': {
    why: 'A cache would hand one variant to clients that asked for the other.',
    wrong: 'POE-Links depends on the request field, and Vary is on one of the variants only.',
    mend: 'Send Vary: POE with both.',
  },
}
