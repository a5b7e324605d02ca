/** What the live page says: a sentence for each step. */
import type { AnswerStep, Fault, Ledgers, RequestStep, Side } from '../steps.js'

/** A step in words. */
export interface Said {
  /** What happened. */
  readonly what: string
  /** The line or fields that went over the wire. */
  readonly wire?: readonly string[]
  /** What that means here. */
  readonly means?: string
}

const PRESSES: Readonly<Record<string, string>> = {
  first: 'You press the button',
  hand: 'You press the button',
  again: 'No answer, so you press again',
  impatient: 'Nothing happens, so you press again',
  'click-1': 'First click',
  'click-2': 'Second click',
}

const NAMES: Readonly<Record<Fault, string>> = {
  none: 'By hand',
  drop: 'Answer dropped',
  double: 'Double click',
  slow: 'Slow shop',
  crash: 'Server crashed',
  tabs: 'Three retrying tabs',
  client: 'Retrying client',
}

const MEANINGS: Readonly<Record<number, string>> = {
  303: 'Placed.',
  409: 'Still being worked on: ask again.',
  410: 'This form is too old.',
  422: 'Not an order: nothing was placed.',
  503: 'Not now: nothing was placed.',
}

/** A request. `isRepeat`: one like it was told of before. */
export function ofRequest(step: RequestStep, isRepeat: boolean): Said {
  const { press, path, delayMs, waits } = step
  const what = isRepeat ? 'The browser sends it again by itself' : ofPress(press)
  const means = waits
    ? 'The first is still at work, so this one waits for it.'
    : delayMs > 0
      ? `The shop takes ${delayMs / 1000} s.`
      : undefined
  return { what, wire: [`POST ${short(path)}`], ...(means !== undefined && { means }) }
}

/** An answer. */
export function ofAnswer(step: AnswerStep): Said {
  const { status, fields } = step
  const wire = Object.entries(fields).map(([name, value]) => `${name}: ${short(value)}`)
  const what = `${status} ${STATUS[status] ?? ''}`.trim()
  const result = /^<([^>]*)>/.exec(fields.Link ?? '')?.[1]
  const used = 'Used before. Nothing was ordered now.'
  const isBack = fields.Location?.startsWith('/basket') === true
  const means =
    status === 405 ? `${used} The order is at ${result}.` : MEANINGS[isBack ? 422 : status]
  return { what, wire, ...(means !== undefined && { means }) }
}

const STATUS: Readonly<Record<number, string>> = {
  303: 'See Other',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  422: 'Unprocessable Content',
  503: 'Service Unavailable',
}

/** What an order is called when it is written. */
export function ofEffect(path: string): Said {
  return { what: `Order ${path.split('/').at(-1)} is written` }
}

/** The answer that was cut off. */
export const LOST: Said = { what: 'The answer is lost', means: 'The connection is cut.' }

/** The process was killed. */
export function ofKilled(pid: number): Said {
  return { what: 'The answer is lost', means: `kill -9: process ${pid} is dead.` }
}

/** Another one is there. */
export function ofStarted(pid: number): Said {
  return { what: `Process ${pid} takes over` }
}

/** While an experiment is under way. */
export function underWay(fault: Fault): string {
  return fault === 'none' ? 'Fresh forms: press as you like.' : `${NAMES[fault]} …`
}

/** How an experiment ended. */
export function ofEnd(fault: Fault, ledgers: Ledgers): string {
  const count = (side: Side) => orders(ledgers[side].length)
  const both = `${count('ordinary')} by the ordinary form, ${count('once')} by the other`
  return `${NAMES[fault]}: ${both}.`
}

/** A number of orders. */
export function orders(count: number): string {
  return count === 1 ? '1 order' : `${count} orders`
}

/** An address or a field, with what nobody reads cut short. */
export function short(text: string): string {
  return text
    .replaceAll(/(\/orders\/once\/[\w-]{4})[\w-]+([\w-]{4})/g, '$1…$2')
    .replace('related urn:post-once-exactly:rel:result', '… result')
    .replace(/; anchor="[^"]*"/, '')
}

function ofPress(press: string | null): string {
  const [, name, number, isAgain] = /^(tab|try)-(\d+)(-again)?$/.exec(press ?? '') ?? []
  if (name === 'tab') {
    return isAgain ? `Tab ${number} had no answer and sends again` : `Tab ${number} sends the form`
  }
  if (name === 'try')
    return number === '1' ? 'The client sends it' : `It tries again (${number} of 4)`
  return PRESSES[press ?? ''] ?? 'The form is sent'
}
