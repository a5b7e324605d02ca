/**
 * Answers of the judged servers: refusals as problem documents or pages, and how an answer is
 * written to a socket (RFC 9110, 9457).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** An answer before it is sent. `body: null` is one without content. */
export interface Answer {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

/** What a refusal has to say. */
export interface Problem {
  readonly status: number
  /** The end of its type's URI. */
  readonly type: string
  readonly title: string
  readonly fields?: Readonly<Record<string, string>>
  /** Where the result is. */
  readonly result?: string
}

const PROBLEMS = 'urn:post-once-exactly:problem:'

/** Makes an answer with text. */
export function textAnswer(
  status: number,
  type: string,
  text: string,
  fields: Readonly<Record<string, string>> = {},
): Answer {
  return { status, fields: { 'Content-Type': type, ...fields }, body: Buffer.from(text) }
}

/** Makes an answer with a JSON document. */
export function jsonAnswer(
  status: number,
  value: unknown,
  fields: Readonly<Record<string, string>> = {},
): Answer {
  return textAnswer(status, 'application/json', `${JSON.stringify(value)}\n`, fields)
}

/** Makes an answer without content. */
export function emptyAnswer(status: number, fields: Readonly<Record<string, string>> = {}): Answer {
  return { status, fields, body: null }
}

/** A refusal: a problem document, or a page for a reader of HTML. */
export function refusal(problem: Problem, asHtml: boolean): Answer {
  const { status, type, title, fields = {}, result } = problem
  const never = { 'Cache-Control': 'no-store', ...fields }
  if (!asHtml) {
    const members = { type: PROBLEMS + type, title, status, ...(result && { result }) }
    return textAnswer(status, 'application/problem+json', JSON.stringify(members), never)
  }
  const way = result ? `<p><a href="${escapeHtml(result)}">See the result.</a>` : ''
  const name = escapeHtml(title)
  const text = `<!doctype html><title>${name}</title><h1>${name}</h1>${way}`
  return textAnswer(status, 'text/html; charset=utf-8', text, {
    'Content-Security-Policy': "default-src 'none'",
    ...never,
  })
}

/** A refusal of a method, with what is allowed instead. */
export function wrongMethod(allow: string, asHtml: boolean): Answer {
  const title = 'This method is not allowed here'
  return refusal({ status: 405, type: 'method', title, fields: { Allow: allow } }, asHtml)
}

/** Adds fields; those that are given win. */
export function withFields(answer: Answer, fields: Readonly<Record<string, string>>): Answer {
  return { ...answer, fields: { ...answer.fields, ...fields } }
}

/** Leaves fields out. */
export function withoutFields(answer: Answer, ...names: readonly string[]): Answer {
  const kept = Object.entries(answer.fields).filter(([name]) => !names.includes(name))
  return { ...answer, fields: Object.fromEntries(kept) }
}

/** Makes text harmless inside HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)
}

/** Whether a request would rather read HTML than JSON (RFC 9110, 12.5.1). */
export function prefersHtml(request: IncomingMessage): boolean {
  const accept = request.headers.accept ?? '*/*'
  return weightOf(accept, 'text', 'html') > weightOf(accept, 'application', 'json')
}

function weightOf(accept: string, type: string, subtype: string): number {
  const ranges = accept.split(',').map(each => {
    const [range = '', ...parameters] = each.split(';').map(part => part.trim().toLowerCase())
    const weight = parameters.find(parameter => parameter.startsWith('q='))?.slice(2) ?? '1'
    return { range, weight: Number.parseFloat(weight) || 0 }
  })
  for (const wanted of [`${type}/${subtype}`, `${type}/*`, '*/*']) {
    const found = ranges.find(({ range }) => range === wanted)
    if (found !== undefined) return found.weight
  }
  return 0
}

/** How long the rest of a request is read after its answer, in milliseconds. */
const DRAIN_MS = 1000

/**
 * Sends an answer. What is left of the request's content is read for a while, since a reset would
 * take the answer away from the client; one who waits for 100 (Continue) sends nothing more.
 */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  waitsForContinue: boolean,
): void {
  const { status, fields, body } = answer
  const bare = status === 204 || status === 304
  const length = bare ? {} : { 'Content-Length': String(body?.length ?? 0) }
  const last = waitsForContinue ? { Connection: 'close' } : {}
  response.writeHead(status, { ...fields, ...length, ...last })
  if (body !== null && !bare) response.write(body)
  else response.flushHeaders()
  if (request.complete || waitsForContinue) {
    response.end()
    return
  }
  const patience = setTimeout(() => response.end(), DRAIN_MS)
  const finish = () => {
    clearTimeout(patience)
    response.end()
  }
  request.once('end', finish).once('close', finish).resume()
}
