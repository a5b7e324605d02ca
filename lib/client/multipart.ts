/**
 * Content in parts, such as a form: what stands between them is another text each time that the
 * same is written, and no part of what it says.
 *
 * @see RFC 2046 5.1.1; RFC 7578 4.1
 */

/** What a text may hold in every runtime; a longer form stays as it is. */
const LIMIT_BYTES = 4e8

/**
 * Takes out of a content what is new each time.
 *
 * @param type - its `Content-Type`
 * @returns both without the boundary, where there is one: each byte is a character then
 */
export function withoutBoundary(
  type: string,
  content: string | Uint8Array<ArrayBuffer>,
): readonly [type: string, content: string | Uint8Array<ArrayBuffer>] {
  const [, kind = type, boundary] = /^(multipart.*); *boundary="?([^";]+)/i.exec(type) ?? []
  const isKept = typeof content === 'string' || content.length > LIMIT_BYTES
  if (boundary === undefined || isKept) return [type, content]
  return [kind, new TextDecoder('latin1').decode(content).replaceAll(boundary, '\0')]
}
