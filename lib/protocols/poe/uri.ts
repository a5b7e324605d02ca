/**
 * POE-URIs: which strings are one, and how any other reference becomes one.
 *
 * A POE-URI is an absolute-URI or a relative reference, in ASCII and without a fragment. Runs in
 * browsers too.
 *
 * @see POE draft 3; RFC 3986 4.2, 4.3, appendix A
 */

/** It fits every text without a fragment: one that did not fit would be tried in many ways. */
const PARTS = /^(?:([^:/?]*):)?(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/s
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/
const AUTHORITY = /^(?:[^@[\]]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^@:[\]]+)(?::[0-9]*)?$/
const NOT_AUTHORITY = /[^A-Za-z0-9\-._~!$&'()*+,;=:@%[\]]|%(?![0-9A-Fa-f]{2})/
const NOT_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@%/]|%(?![0-9A-Fa-f]{2})/
const NOT_QUERY = /[^A-Za-z0-9\-._~!$&'()*+,;=:@%/?]|%(?![0-9A-Fa-f]{2})/
const TO_ENCODE = /[^A-Za-z0-9\-._~!$&'()*+,;=:@%/?]|%(?![0-9A-Fa-f]{2})/gu
const NOT_HOST = /[^A-Za-z0-9._~\x80-\u{10ffff}-]/u
const NON_ASCII = /[^\0-\x7f]/
const LONE_SURROGATE = /\p{Surrogate}/u
/** A path that is a POE-URI as it stands, as nearly all are. */
const PLAIN_PATH = /^\/(?!\/)[\w\-.~!$&'()*+,;=:@/]*$/

/**
 * Tells whether a string is a POE-URI as it stands. The empty string is one (the URI of the
 * response itself). An authority must name a host, and `http` and `https` must have an authority:
 * URL parsers disagree about everything else.
 *
 * @param text - any string; time is linear in its length
 * @returns whether it may stand between the quotes of a `POE-Links` member
 * @see RFC 3986 4.2, 4.3
 */
export function isPoeUri(text: string): boolean {
  const parts = text.includes('#') ? null : PARTS.exec(text)
  if (parts === null) return false
  const [, scheme, authority, path = '', query = ''] = parts
  if (scheme !== undefined && !SCHEME.test(scheme)) return false
  if (authority === undefined && scheme !== undefined && /^https?$/i.test(scheme)) return false
  if (authority !== undefined && !isAuthority(authority)) return false
  return !NOT_PATH.test(path) && !NOT_QUERY.test(query)
}

/**
 * Tells whether a string may stand after a `#`.
 *
 * @param text - the fragment without its `#`
 * @returns whether its characters are those of a fragment
 * @see RFC 3986 3.5
 */
export function isFragment(text: string): boolean {
  return !NOT_QUERY.test(text)
}

/**
 * Makes a POE-URI of a reference: percent-encodes (as UTF-8) what a URI cannot hold, and writes a
 * host in other scripts as A-labels. Valid references come back unchanged.
 *
 * @param reference - an absolute URL or a relative reference, without a fragment
 * @returns the same reference, in the characters of a URI
 * @throws TypeError where no URI means the same: a fragment, a lone surrogate, a first segment
 *   with a colon that is no scheme, a host that is none
 * @see RFC 3986 2.1; RFC 3987 3.1
 */
export function toPoeUri(reference: string): string {
  if (typeof reference !== 'string') throw refusal(reference, 'it is not a string')
  if (PLAIN_PATH.test(reference)) return reference
  if (reference.includes('#')) throw refusal(reference, 'it has a fragment; leave that out')
  if (LONE_SURROGATE.test(reference)) throw refusal(reference, 'it has a lone surrogate')
  const parts = /^((?:[^:/?]*:)?\/\/)([^/?]*)/.exec(reference)
  const [head = '', prefix = '', authority = ''] = parts ?? []
  const uri = encode(prefix) + asciiAuthority(authority) + encode(reference.slice(head.length))
  if (isPoeUri(uri)) return uri
  throw refusal(reference, 'it is neither an absolute URI nor a relative reference')
}

function isAuthority(authority: string): boolean {
  return AUTHORITY.test(authority) && !NOT_AUTHORITY.test(authority)
}

function encode(text: string): string {
  return text.replace(TO_ENCODE, encodeURIComponent)
}

/** Only the host goes through the URL parser: that would drop a port which it takes as default. */
function asciiAuthority(authority: string): string {
  const hostAt = authority.lastIndexOf('@') + 1
  const portAt = authority.search(/(?::[0-9]*)?$/)
  const host = authority.slice(hostAt, portAt)
  const asciiHost = NON_ASCII.test(host) ? aLabels(host) : host
  return encode(authority.slice(0, hostAt)) + asciiHost + authority.slice(portAt)
}

/** The URL parser skips or decodes some ASCII characters; a host that has those is no host. */
function aLabels(host: string): string {
  const url = `http://${host}`
  return !NOT_HOST.test(host) && URL.canParse(url) ? new URL(url).hostname : host
}

function refusal(reference: unknown, why: string): TypeError {
  return new TypeError(`${JSON.stringify(reference)} cannot be a POE link: ${why}`)
}
