/**
 * Other ways to write a link, and links that were never issued.
 *
 * @see RFC 3986 2.1, 6.2; RFC 9112 3.2
 */
import { randomInt } from 'node:crypto'
import type { Spelling, Target } from './catalogue.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const DIGITS = '0123456789'
const BASE64URL = `${LETTERS.toUpperCase()}${LETTERS}${DIGITS}-_`

/**
 * The request target of what is made of a link.
 *
 * @param sibling - where the adapter says that its token may stand, too
 * @param other - another link, if one is known: what stands in both is no part of the token
 */
export function targetOf(
  link: URL,
  to: Target,
  sibling: string | undefined,
  other: URL | null = null,
): string {
  if (!('link' in to)) return link.pathname + link.search
  if (to.spelling === 'sibling') return siblingOf(link, sibling ?? '')
  if (to.forged !== undefined) return forged(link, to.forged, other)
  const respelt = to.spelling === undefined ? undefined : RESPELT[to.spelling]
  const isAnywhere = to.spelling === 'last-bit' || !isLast(link, other)
  if (respelt !== undefined && isAnywhere) return replaced(link, other, respelt)
  return to.spelling === undefined ? link.pathname + link.search : spelt(link, to.spelling)
}

/** What is done to the token, wherever in the link it stands. */
const RESPELT: Partial<Readonly<Record<Spelling, (word: string) => string>>> = {
  encoded: word => encodedLetter(word, 0),
  hex: encodedAll,
  case: otherCase,
  'last-bit': otherLastBit,
}

/** Whether the token is in the last segment of the path, and not before it or in the query. */
function isLast(link: URL, other: URL | null): boolean {
  const last = link.pathname.slice(link.pathname.lastIndexOf('/') + 1)
  return other === null || last.includes(tokenOf(link, other) ?? '')
}

/** The request target of a link in another spelling. */
export function spelt(link: URL, spelling: Spelling): string {
  const { pathname: path, search } = link
  const lastAt = path.lastIndexOf('/') + 1
  switch (spelling) {
    case 'encoded':
      return `${encodedLetter(path, lastAt)}${search}`
    case 'query':
      return `${path}${search}${search === '' ? '?' : '&'}check=1`
    case 'slash':
      return `${path}/${search}`
    case 'slashes':
      return `${path.slice(0, lastAt)}/${path.slice(lastAt)}${search}`
    case 'dots':
      return `${path.slice(0, lastAt)}./${path.slice(lastAt)}${search}`
    case 'absolute':
      return link.href
    case 'malformed':
      return `${path}%zz${search}`
    case 'empty':
      // What ends with a slash has its id before it.
      return `${path.replace(/(?<=\/)[^/]+\/?$/, end => (end.endsWith('/') ? '/' : ''))}${search}`
    case 'hex':
      return `${path.slice(0, lastAt)}${encodedAll(path.slice(lastAt))}${search}`
    case 'encoded-slash':
      return `${path.slice(0, lastAt - 1) || '/'}%2F${path.slice(lastAt)}${search}`
    case 'suffix':
      return `${path}x${search}`
    case 'extension':
      return `${path}.json${search}`
    case 'segment':
      return `${path}/x${search}`
    case 'parameter':
      return `${path};x=1${search}`
    case 'last-bit':
      return replaced(link, null, otherLastBit)
    case 'sibling':
      throw new TypeError('Where the sibling is, the adapter says.')
    case 'case':
      return `${path.slice(0, lastAt)}${otherCase(path.slice(lastAt))}${search}`
  }
}

/**
 * The request target of a link's token at another place.
 *
 * @param sibling - a path with `{token}` for the last segment of the link
 */
export function siblingOf({ pathname }: URL, sibling: string): string {
  return sibling.replaceAll('{token}', pathname.slice(pathname.lastIndexOf('/') + 1))
}

/** The request target of a link that was never issued: its token is another one. */
export function forged(link: URL, how: 'changed' | 'invented', other: URL | null = null): string {
  return replaced(link, other, how === 'changed' ? changed : invented)
}

/** A link whose token, the longest word that is not in another link, becomes another one. */
function replaced(link: URL, other: URL | null, become: (word: string) => string): string {
  const target = link.pathname + link.search
  const token = tokenOf(link, other)
  if (token === undefined) return `${target}never-issued`
  const at = target.search(new RegExp(`(?<![\\w-])${token}(?![\\w-])`))
  return target.slice(0, at) + become(token) + target.slice(at + token.length)
}

/** The longest word of a link that is not in another one. */
function tokenOf(link: URL, other: URL | null): string | undefined {
  const shared = new Set(other?.href === link.href ? [] : wordsIn(other))
  const words = wordsIn(link)
  const own = words.filter(word => !shared.has(word))
  return (own.length > 0 ? own : words).sort((a, b) => b.length - a.length)[0]
}

function wordsIn(link: URL | null): string[] {
  return link === null ? [] : ((link.pathname + link.search).match(/[\w-]+/g) ?? [])
}

function encodedLetter(path: string, from: number): string {
  const at = path.slice(from).search(/[A-Za-z0-9]/) + from
  if (at < from) return path
  const code = path.charCodeAt(at).toString(16).toUpperCase()
  return `${path.slice(0, at)}%${code}${path.slice(at + 1)}`
}

function encodedAll(segment: string): string {
  // What is encoded already stays as it is.
  return segment.replaceAll(/%[0-9A-Fa-f]{2}|[A-Za-z0-9]/g, one => {
    return one.length > 1 ? one : `%${one.charCodeAt(0).toString(16)}`
  })
}

function otherCase(segment: string): string {
  return segment.replaceAll(/%[0-9A-Fa-f]{2}|[A-Za-z]/g, one => {
    if (one.length > 1) return one
    return one < 'a' ? one.toLowerCase() : one.toUpperCase()
  })
}

/**
 * A letter or digit in the middle becomes its neighbour: the last one may have bits that nobody
 * decodes, and would be the same token in another spelling.
 */
function changed(word: string): string {
  const half = word.length >> 1
  const behind = word.slice(half).search(/[A-Za-z0-9]/)
  const at = behind < 0 ? word.search(/[A-Za-z0-9]/) : half + behind
  if (at < 0) return `${word}x`
  const old = word.charAt(at)
  const next = /[zZ9]/.test(old)
    ? String.fromCharCode(old.charCodeAt(0) - 1)
    : String.fromCharCode(old.charCodeAt(0) + 1)
  return word.slice(0, at) + next + word.slice(at + 1)
}

/** The last character with its last bit turned, as base64url counts. */
function otherLastBit(word: string): string {
  const value = BASE64URL.indexOf(word.slice(-1))
  return word.slice(0, -1) + BASE64URL.charAt(value ^ 1)
}

function invented(word: string): string {
  return word.replaceAll(/[A-Za-z0-9]/g, old => {
    const from = /\d/.test(old) ? DIGITS : LETTERS
    const letter = from.charAt(randomInt(from.length))
    return old < 'a' ? letter.toUpperCase() : letter
  })
}
