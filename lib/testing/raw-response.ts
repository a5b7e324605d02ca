/**
 * Reads HTTP/1.1 responses from bytes and keeps them as they came: field lines in their order and
 * spelling, and what follows the response.
 *
 * @see RFC 9112 2, 4, 5, 6, 7
 */

/** A field as it came. */
export interface RawField {
  readonly name: string
  readonly value: string
  /** The whole line, without its CRLF. */
  readonly line: string
}

/** A response as it came. Text is Latin-1: one character for each byte. */
export interface RawResponse {
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly fields: readonly RawField[]
  /** The content, with any chunked coding taken off; what there is of it if not `complete`. */
  readonly body: Buffer
  readonly trailers: readonly RawField[]
  /** The statuses of the 1xx responses before it. */
  readonly interim: readonly number[]
  /** Whether all of it came. */
  readonly complete: boolean
  /** What came after it: a further response, or bytes that should not be there. */
  readonly rest: Buffer
}

/** What bytes amount to: `null` while the head is not complete. */
export type RawReading = RawResponse | 'malformed' | null

/** What {@link readRawResponse} has to know besides the bytes. */
export interface RawReadingContext {
  /** The request's method: an answer to HEAD has no content. */
  readonly method: string
  /** Whether the other side has said that nothing more comes. */
  readonly ended: boolean
}

/**
 * Reads one final response and the interim ones before it.
 *
 * @param bytes - all that has come so far
 * @param context - see {@link RawReadingContext}
 * @returns the response as far as it came
 * @see RFC 9112 6.3
 */
export function readRawResponse(bytes: Buffer, context: RawReadingContext): RawReading {
  const interim: number[] = []
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end === -1) return null
    const head = readHead(bytes.toString('latin1', at, end))
    if (head === null) return 'malformed'
    at = end + 4
    if (head.status >= 200 || head.status === 101) {
      const content = readContent(bytes.subarray(at), head, context)
      return content === null ? 'malformed' : { ...head, interim, ...content }
    }
    interim.push(head.status)
  }
}

/**
 * Gives the values of a field, one for each of its lines.
 *
 * @param response - the response
 * @param name - the field's name, in any case
 * @returns the values in order; empty where there is no such field
 */
export function fieldValues(response: Pick<RawResponse, 'fields'>, name: string): string[] {
  const wanted = name.toLowerCase()
  return response.fields
    .filter(field => field.name.toLowerCase() === wanted)
    .map(field => field.value)
}

type Head = Pick<RawResponse, 'version' | 'status' | 'reason' | 'fields'>
type Content = Pick<RawResponse, 'body' | 'trailers' | 'complete' | 'rest'>

function readHead(text: string): Head | null {
  const [first = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/(\d\.\d) (\d{3})(?: (.*))?$/.exec(first)
  const fields = readFields(lines)
  if (status === null || fields === null) return null
  const [, version = '', code = '', reason = ''] = status
  return { version, status: Number(code), reason, fields }
}

function readFields(lines: readonly string[]): RawField[] | null {
  const fields: RawField[] = []
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/.exec(line)
    if (match === null) return null
    const [, name = '', value = ''] = match
    fields.push({ name, value: trimmed(value), line })
  }
  return fields
}

/** Without the white space around it; one expression for that takes the square of the length. */
function trimmed(value: string): string {
  const start = Math.max(0, value.search(/[^ \t]/))
  let end = value.length
  while (end > start && /[ \t]/.test(value.charAt(end - 1))) end -= 1
  return value.slice(start, end)
}

function readContent(bytes: Buffer, head: Head, context: RawReadingContext): Content | null {
  const none = context.method === 'HEAD' || head.status < 200 || [204, 304].includes(head.status)
  if (none) return sized(bytes, 0)
  const coding = fieldValues(head, 'Transfer-Encoding').join(',').toLowerCase()
  if (coding === 'chunked') return readChunked(bytes)
  if (coding !== '') return null
  const [length, ...others] = fieldValues(head, 'Content-Length')
  if (length === undefined) return { ...sized(bytes, bytes.length), complete: context.ended }
  return others.length === 0 && /^\d{1,15}$/.test(length) ? sized(bytes, Number(length)) : null
}

function sized(bytes: Buffer, length: number): Content {
  const body = bytes.subarray(0, length)
  return { body, trailers: [], complete: bytes.length >= length, rest: bytes.subarray(length) }
}

function readChunked(bytes: Buffer): Content | null {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return partial(chunks)
    const size = /^([\dA-Fa-f]{1,8})[ \t]*(?:;.*)?$/.exec(bytes.toString('latin1', at, lineEnd))
    if (size === null) return null
    const length = Number.parseInt(size[1] ?? '', 16)
    at = lineEnd + 2
    if (length === 0) return readTrailers(bytes, at, chunks)
    chunks.push(bytes.subarray(at, at + length))
    at += length
    if (bytes.length < at + 2) return partial(chunks)
    if (bytes.toString('latin1', at, at + 2) !== '\r\n') return null
    at += 2
  }
}

function readTrailers(bytes: Buffer, at: number, chunks: readonly Buffer[]): Content | null {
  const none = bytes.toString('latin1', at, at + 2) === '\r\n'
  const end = none ? at - 2 : bytes.indexOf('\r\n\r\n', at)
  if (end === -1) return partial(chunks)
  const trailers = none ? [] : readFields(bytes.toString('latin1', at, end).split('\r\n'))
  if (trailers === null) return null
  return { body: Buffer.concat(chunks), trailers, complete: true, rest: bytes.subarray(end + 4) }
}

function partial(chunks: readonly Buffer[]): Content {
  return { body: Buffer.concat(chunks), trailers: [], complete: false, rest: Buffer.alloc(0) }
}
