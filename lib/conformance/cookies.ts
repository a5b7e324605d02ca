/**
 * Cookies of one session, as a browser keeps them: those of an origin go to that origin only.
 *
 * @see RFC 6265 5
 */
import { fieldValues, type RawResponse } from '../testing/raw-response.js'

interface Cookie {
  readonly origin: string
  readonly name: string
  readonly value: string
  readonly path: string
  readonly isSecure: boolean
}

const COOKIES_LIMIT = 200

/** The cookies of one session. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>()

  /** Keeps what an answer sets, and drops what it takes back. */
  take(response: Pick<RawResponse, 'fields'>, url: URL): void {
    for (const line of fieldValues(response, 'Set-Cookie')) this.#set(line, url)
  }

  /**
   * The cookies for a URL.
   *
   * @param url - of the request
   * @param given - a Cookie field that is sent besides; of one name the server's own is the newer
   * @returns the value of the Cookie field; `null` for none
   */
  lineFor(url: URL, given = ''): string | null {
    const pairs = new Map<string, string>()
    for (const pair of given.split(';')) {
      const text = pair.trim()
      if (text !== '') pairs.set(text.split('=', 1)[0] ?? '', text)
    }
    for (const { origin, name, value, path, isSecure } of this.#cookies.values()) {
      const isOf = origin === url.origin && isWithin(url.pathname, path)
      if (isOf && (!isSecure || url.protocol === 'https:')) pairs.set(name, `${name}=${value}`)
    }
    return pairs.size === 0 ? null : [...pairs.values()].join('; ')
  }

  #set(line: string, url: URL): void {
    const [pair = '', ...rest] = line.split(';').map(part => part.trim())
    const at = pair.indexOf('=')
    if (at < 1 || this.#cookies.size >= COOKIES_LIMIT) return
    const name = pair.slice(0, at)
    const attributes = new Map(
      rest.map(part => {
        const [key = '', ...value] = part.split('=')
        return [key.toLowerCase(), value.join('=')] as const
      }),
    )
    const path = attributes.get('path')?.startsWith('/') ? attributes.get('path') : null
    const cookie: Cookie = {
      origin: url.origin,
      name,
      value: pair.slice(at + 1),
      path: path ?? folderOf(url.pathname),
      isSecure: attributes.has('secure'),
    }
    const key = `${cookie.origin} ${cookie.path} ${name}`
    if (isOver(attributes)) this.#cookies.delete(key)
    else this.#cookies.set(key, cookie)
  }
}

function isOver(attributes: ReadonlyMap<string, string>): boolean {
  const maxAge = attributes.get('max-age')
  if (maxAge !== undefined) return Number(maxAge) <= 0
  return Date.parse(attributes.get('expires') ?? '') <= Date.now()
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}

function isWithin(path: string, folder: string): boolean {
  if (path === folder) return true
  return path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}
