/**
 * What was sent as the members of a form: what a parser has made of it, else read here.
 *
 * @see WHATWG HTML 4.10.21; RFC 7578
 */
import type { Context } from 'koa'
import type { ContentHere } from './request-content.js'

/** Members of a form by name; what was sent is text, a list where a name came several times. */
export type SentFields = Readonly<Record<string, unknown>>

const FORM = ['urlencoded', 'multipart/form-data']

/**
 * Gives the members of the form that was sent. Files are left out.
 *
 * @param content - what is known of the content; `null` where nobody has looked
 * @returns `null` where it is no form, or cannot be read any more
 */
export async function sentFields(
  ctx: Context,
  content: ContentHere | null,
): Promise<SentFields | null> {
  const { body } = ctx.request as { body?: unknown }
  // Parsers leave an empty object where they have read nothing.
  if (isFields(body) && Object.keys(body).length > 0) return body
  if (content?.kind === 'bytes' && ctx.is(FORM) !== false) {
    const read = await readForm(content.bytes, ctx.get('Content-Type'))
    if (read !== null) return read
  }
  return isFields(body) ? body : null
}

async function readForm(bytes: Uint8Array, type: string): Promise<SentFields | null> {
  const fields = new Map<string, string | string[]>()
  try {
    const content = new Blob([bytes as Uint8Array<ArrayBuffer>])
    const form = await new Response(content, { headers: { 'Content-Type': type } }).formData()
    for (const [name, value] of form) {
      if (typeof value !== 'string') continue
      const before = fields.get(name)
      fields.set(name, before === undefined ? value : [before, value].flat())
    }
  } catch {
    // Broken content; the refusal stands all the same.
    return null
  }
  return Object.fromEntries(fields)
}

function isFields(body: unknown): body is SentFields {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}
