/**
 * What was sent as the members of a form: what a parser has made of it, else read here.
 *
 * @see WHATWG HTML 4.10.21; RFC 7578
 */
import type { Context } from 'koa'
import { AHEAD_BYTES, type ContentHere, contentSoon } from './request-content.js'

/** A form that was sent. */
export interface SentForm {
  /** By name: what was sent is text, a list where a name came several times. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The names of the members that held files. */
  readonly files: readonly string[]
}

const FORM = ['urlencoded', 'multipart/form-data']

/**
 * Gives the form that was sent. The files themselves are left out.
 *
 * @param content - what is known of the content; `null` where nobody has looked
 * @returns `null` where it is no form, or cannot be read any more
 */
export async function sentForm(
  ctx: Context,
  content: ContentHere | null,
): Promise<SentForm | null> {
  const { body } = ctx.request as { body?: unknown }
  const files = parsedFiles(ctx)
  // Parsers leave an empty object where they have read nothing.
  if (isFields(body) && Object.keys(body).length > 0) return { fields: body, files }
  if (ctx.is(FORM) !== false) {
    // A link that names nothing was refused before anybody looked at the content.
    const here = content ?? (await contentSoon(ctx, AHEAD_BYTES))
    const read = here.kind === 'bytes' ? await readForm(here.bytes, ctx.get('Content-Type')) : null
    if (read !== null) return read
  }
  return isFields(body) ? { fields: body, files } : null
}

/** A file costs what thirty fields do, and nobody chooses so many. */
const MOST_FILES = 500

function hasManyFiles(content: Buffer): boolean {
  let at = -1
  for (let count = 0; count <= MOST_FILES; count += 1) {
    at = content.indexOf('filename', at + 1)
    if (at < 0) return false
  }
  return true
}

async function readForm(bytes: Uint8Array | string, type: string): Promise<SentForm | null> {
  if (hasManyFiles(Buffer.from(bytes))) return null
  const fields = new Map<string, string[]>()
  const files = new Set<string>()
  try {
    const content = new Blob([bytes as Uint8Array<ArrayBuffer> | string])
    const form = await new Response(content, { headers: { 'Content-Type': type } }).formData()
    for (const [name, value] of form) {
      if (typeof value !== 'string') {
        // A member for which no file was chosen is sent as an empty one.
        if (value.size > 0 || value.name !== '') files.add(name)
        continue
      }
      const values = fields.get(name)
      if (values === undefined) fields.set(name, [value])
      else values.push(value)
    }
  } catch {
    // Broken content; the refusal stands all the same.
    return null
  }
  const told = Array.from(fields, ([name, values]) => [
    name,
    values.length > 1 ? values : values[0],
  ])
  return { fields: Object.fromEntries(told), files: [...files] }
}

/** Where parsers leave files: a list that names the members (multer), or by name (formidable). */
function parsedFiles(ctx: Context): readonly string[] {
  const { files, file } = ctx.request as { readonly files?: unknown; readonly file?: unknown }
  const found = files ?? (file === undefined ? [] : [file])
  if (!Array.isArray(found)) return isFields(found) ? Object.keys(found) : []
  return [...new Set(found.map(one => String((one as { fieldname?: unknown }).fieldname)))]
}

function isFields(body: unknown): body is SentForm['fields'] {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}
