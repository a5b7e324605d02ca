/** What an order may say: reads JSON or a form, and names everything that is wrong. */

/** An order as asked for. */
export interface OrderInput {
  /** 1 to 64 characters. */
  readonly sku: string
  /** A whole number from 1 to 99. */
  readonly qty: number
}

/** One wrong member, in the form that RFC 9457 (3) shows for such lists. */
export interface Violation {
  /** JSON pointer to the member, as a URI fragment. */
  readonly pointer: '#' | '#/sku' | '#/qty'
  readonly detail: string
}

/** What a form shows again: the fields as they were typed. */
export interface OrderFields {
  readonly sku: string
  readonly qty: string
}

/** A good order, or everything that is wrong with it. */
export type CheckedOrder =
  | { readonly ok: true; readonly input: OrderInput }
  | { readonly ok: false; readonly violations: readonly Violation[] }

const SKU_DETAIL = 'sku must be text of 1 to 64 characters'
const QTY_DETAIL = 'qty must be a whole number from 1 to 99'

/**
 * Checks an order.
 *
 * @param body - the parsed content; anything
 * @param isForm - whether it came from a form, where every value is text
 * @returns the order, or one violation for every wrong member
 */
export function checkOrder(body: unknown, isForm: boolean): CheckedOrder {
  if (!isRecord(body)) {
    return { ok: false, violations: [{ pointer: '#', detail: 'the order must be a JSON object' }] }
  }
  const sku = readSku(body.sku)
  const qty = readQty(body.qty, isForm)
  if (sku !== null && qty !== null) return { ok: true, input: { sku, qty } }
  const violations: Violation[] = []
  if (sku === null) violations.push({ pointer: '#/sku', detail: SKU_DETAIL })
  if (qty === null) violations.push({ pointer: '#/qty', detail: QTY_DETAIL })
  return { ok: false, violations }
}

/**
 * Takes what was typed out of parsed content, good or bad, so that a form can show it again.
 *
 * @param body - the parsed content; anything
 * @returns text for both fields, empty where there was none
 */
export function fieldsOf(body: unknown): OrderFields {
  if (!isRecord(body)) return { sku: '', qty: '' }
  return { sku: asText(body.sku), qty: asText(body.qty) }
}

function readSku(value: unknown): string | null {
  if (typeof value !== 'string') return null
  // Half a surrogate pair has no UTF-8 form: it would not come back as it was sent.
  if (/\p{Surrogate}/u.test(value)) return null
  const length = [...value].length
  return length >= 1 && length <= 64 ? value : null
}

function readQty(value: unknown, isForm: boolean): number | null {
  const number =
    isForm && typeof value === 'string' && /^\d{1,2}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number)) return null
  return number >= 1 && number <= 99 ? number : null
}

function asText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
