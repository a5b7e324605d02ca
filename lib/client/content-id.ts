/**
 * The id that goes with every try of a POST to a link, so that a server can say for sure whether
 * what it has accepted was this POST.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2
 */
import type { Payload } from './body.js'
import { withoutBoundary } from './multipart.js'
import type { ResolvedClientOptions } from './options.js'
import { hexOf, randomHex } from './random.js'
import { type Fields, isOwnOrigin } from './sending.js'

const FIELD = 'idempotency-key'

/**
 * Adds the id to the fields of a POST, unless there is one. It follows from link and content:
 * whoever sends the same again, another process or tab included, says the same id, and other
 * content has another one.
 *
 * @param options - of the client: a page asks another origin for no preflight by itself
 * @param link - where the POST goes first
 * @param payload - its content; what is made anew for each try has a random id
 * @param headers - its fields
 * @param digest - where there is a quicker one than a page has
 * @returns the fields; without an id where the page has no cryptography, since it came by http
 */
export async function withContentId(
  { crossOrigin }: ResolvedClientOptions,
  link: URL,
  { content, type }: Payload,
  headers: Fields,
  digest: Digest = digestInPage,
): Promise<Fields> {
  if (FIELD in headers || !(crossOrigin || isOwnOrigin(link))) return headers
  const about = headers['content-type'] ?? type ?? ''
  const idOf = ([kind, bare]: ReturnType<typeof withoutBoundary>) =>
    digest(`${link.href}\n${kind}\n`, bare)
  const id =
    typeof content === 'function' ? randomHex() : await idOf(withoutBoundary(about, content ?? ''))
  return id === null ? headers : { [FIELD]: `"${id}"`, ...headers }
}

/** 128 bits of SHA-256 over both, as 32 hexadecimal digits; `null` where there is none. */
export type Digest = (
  name: string,
  content: string | Uint8Array<ArrayBuffer>,
) => string | Promise<string | null>

/** With what a page has. */
export async function digestInPage(
  name: string,
  content: string | Uint8Array<ArrayBuffer>,
): Promise<string | null> {
  const { subtle } = crypto as { readonly subtle?: SubtleCrypto }
  if (subtle === undefined) return null
  const encoder = new TextEncoder()
  const front = encoder.encode(name)
  const rest = typeof content === 'string' ? encoder.encode(content) : content
  const bytes = new Uint8Array(front.byteLength + rest.byteLength)
  bytes.set(front)
  bytes.set(rest, front.byteLength)
  return hexOf(new Uint8Array(await subtle.digest('SHA-256', bytes)).subarray(0, 16))
}
