/**
 * The one kind of POST that the judged servers take: an order, as JSON or as a form.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Problem } from './answers.js'

/** A valid order. */
export interface Order {
  readonly sku: string
  readonly qty: number
}

/** Why a POST was refused before it was tried. */
export type Refused = 'credentials' | 'type' | 'size' | 'cut-off' | 'syntax' | 'content'

/** What came of reading a POST. */
export type ReadOrder =
  | { readonly kind: 'order'; readonly order: Order; readonly text: string; readonly type: string }
  | { readonly kind: 'refused'; readonly why: Refused; readonly problem: Problem }

const BODY_LIMIT_BYTES = 65_536
const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** Reads and checks an order; asks for the content first where the client waits to be asked. */
export async function readOrder(
  request: IncomingMessage,
  response: ServerResponse,
  waitsForContinue: boolean,
): Promise<ReadOrder> {
  // Nobody has a password here, so whoever sends one is mistaken.
  if (request.headers.authorization !== undefined) {
    const fields = { 'WWW-Authenticate': 'Basic realm="orders"' }
    return refused('credentials', 401, 'These credentials are not known', fields)
  }
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== JSON_TYPE && type !== FORM_TYPE) {
    return refused('type', 415, 'Send JSON or a form', { Accept: `${JSON_TYPE}, ${FORM_TYPE}` })
  }
  if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT_BYTES) return tooLarge()
  if (waitsForContinue) response.writeContinue()
  const content = await contentOf(request)
  if (content === 'cut-off') return refused('cut-off', 400, 'The content was cut off')
  if (content === 'too-large') return tooLarge()
  return parseOrder(content, type)
}

function parseOrder(content: Buffer, type: string): ReadOrder {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content)
    value = type === JSON_TYPE ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
  } catch {
    return refused('syntax', 400, 'The content cannot be read')
  }
  const { sku, qty: given } = (value ?? {}) as { readonly sku?: unknown; readonly qty?: unknown }
  const isDigits = type === FORM_TYPE && typeof given === 'string' && /^\d{1,2}$/.test(given)
  const qty = isDigits ? Number(given) : given
  const isSku = typeof sku === 'string' && sku.length > 0 && [...sku].length <= 64
  if (!isSku || typeof qty !== 'number' || !Number.isInteger(qty) || qty < 1 || qty > 99) {
    return refused('content', 422, 'An order has a sku of 1 to 64 characters and a qty of 1 to 99')
  }
  return { kind: 'order', order: { sku, qty }, text, type }
}

function tooLarge(): ReadOrder {
  return refused('size', 413, 'An order has at most 64 KiB')
}

function refused(
  why: Refused,
  status: number,
  title: string,
  fields: Readonly<Record<string, string>> = {},
): ReadOrder {
  return { kind: 'refused', why, problem: { status, type: why, title, fields } }
}

function contentOf(request: IncomingMessage): Promise<Buffer | 'cut-off' | 'too-large'> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > BODY_LIMIT_BYTES) resolve('too-large')
      else chunks.push(chunk)
    })
    request.once('end', () => resolve(request.complete ? Buffer.concat(chunks) : 'cut-off'))
    request.once('close', () => resolve('cut-off'))
    request.once('error', () => resolve('cut-off'))
  })
}
