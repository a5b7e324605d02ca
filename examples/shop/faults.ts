/**
 * Faults on request, for trying out what a client or an impatient human meets: the request field
 * `Demo-Fault`. It is looked at only where the shop was started with `DEMO_FAULTS=1`.
 *
 * A fault belongs to the request that enters the order handler. A repeat that is refused before
 * the handler, and every other request, is answered in peace: a client may re-send the same fields.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context, Middleware, Next } from 'koa'
import { sendProblem } from './problems.js'

/** What one request asked for. */
export interface Faults {
  /** Milliseconds that the handler takes before it writes; 0 for none. */
  readonly delayMs: number
  /** The status that the handler reports instead of success, or `null`. */
  readonly failStatus: number | null
  /** The handler throws something unexpected, after it has written. */
  readonly throws: boolean
  /** The connection is cut instead of an answer. */
  readonly dropResponse: boolean
  /** The process dies inside the handler, after it has written. */
  readonly crashBeforeCommit: boolean
  /** The process dies when the outcome is recorded, before the answer leaves. */
  readonly crashAfterCommit: boolean
}

/** The upper limit of `delay`, in milliseconds. */
export const MAX_DELAY_MS = 60_000

/**
 * What the handlers report besides a plain refusal: `fail=500` comes before anything is written,
 * which is not known of a 500 elsewhere.
 */
export const DEMO_REPORTS = [500] as const

const NO_FAULTS: Faults = {
  delayMs: 0,
  failStatus: null,
  throws: false,
  dropResponse: false,
  crashBeforeCommit: false,
  crashAfterCommit: false,
}

const KNOWN =
  'delay=<ms>, fail=<status>, throw, drop-response, crash-before-commit, crash-after-commit'

/**
 * Reads the field's value: names joined by commas, white space around them ignored.
 *
 * @param value - the value of `Demo-Fault`
 * @returns the faults, or a text that says what is wrong with the value
 */
export function parseFaults(value: string): Faults | string {
  let faults = NO_FAULTS
  for (const member of value.split(',')) {
    const [name = '', argument] = splitOnce(member.trim())
    if (name === '' && argument === undefined) continue
    const read = readMember(name, argument)
    if (typeof read === 'string') return read
    faults = { ...faults, ...read }
  }
  return faults
}

/**
 * Makes the middleware that reads the field and acts on the finished answer. Mount it outside the
 * POE middleware, so that the outcome is recorded by the time that the answer is dropped.
 *
 * @param enabled - `false`: the field is ignored
 */
export function faultInjection(enabled: boolean): Middleware {
  return async function demoFaults(ctx: Context, next: Next): Promise<void> {
    ctx.state.faults = NO_FAULTS
    const value = enabled ? ctx.get('Demo-Fault') : ''
    const faults = parseFaults(value)
    if (typeof faults === 'string') {
      sendProblem(ctx, 400, { title: 'Demo-Fault cannot be read', detail: faults })
      return
    }
    ctx.state.faults = faults
    await next()
    if (ctx.state.entered !== true) return
    if (faults.crashAfterCommit && ctx.status < 400) await crash()
    if (faults.dropResponse) {
      ctx.respond = false
      ctx.req.socket.destroy()
    }
  }
}

/** Inside the order handler, before it writes: notes the entry and takes its time. */
export async function beforeWriting(ctx: Context): Promise<void> {
  ctx.state.entered = true
  const { delayMs } = faultsOf(ctx)
  if (delayMs > 0) await sleep(delayMs, undefined, { signal: ctx.poe.signal })
}

/**
 * The status that the order handler shall report, for a book that cannot take an order back: such
 * a handler must say so before it writes.
 *
 * @returns a status from 400 to 599, or `null`
 */
export function failStatusOf(ctx: Context): number | null {
  return faultsOf(ctx).failStatus
}

/** Inside the order handler, after it has written and before that is committed. */
export async function beforeCommit(ctx: Context): Promise<void> {
  const faults = faultsOf(ctx)
  if (faults.crashBeforeCommit) await crash()
  if (faults.throws) throw new Error('Demo-Fault: throw')
}

/** Ends this process as a power cut would. */
export async function crash(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  // The signal takes a moment; nothing may leave this process meanwhile.
  return new Promise<never>(() => {})
}

function faultsOf(ctx: Context): Faults {
  return ctx.state.faults as Faults
}

function splitOnce(member: string): [name: string, argument: string | undefined] {
  const at = member.indexOf('=')
  if (at < 0) return [member, undefined]
  return [member.slice(0, at).trim(), member.slice(at + 1).trim()]
}

function readMember(name: string, argument: string | undefined): Partial<Faults> | string {
  if (name === 'delay') {
    const delayMs = readNumber(argument, 0, MAX_DELAY_MS)
    return delayMs === null ? `delay takes milliseconds from 0 to ${MAX_DELAY_MS}` : { delayMs }
  }
  if (name === 'fail') {
    const failStatus = readNumber(argument, 400, 599)
    return failStatus === null ? 'fail takes a status from 400 to 599' : { failStatus }
  }
  const flag = FLAGS.get(name)
  if (flag === undefined) return `"${name}" is no fault; known are ${KNOWN}`
  return argument === undefined ? flag : `${name} takes no value`
}

const FLAGS: ReadonlyMap<string, Partial<Faults>> = new Map([
  ['throw', { throws: true }],
  ['drop-response', { dropResponse: true }],
  ['crash-before-commit', { crashBeforeCommit: true }],
  ['crash-after-commit', { crashAfterCommit: true }],
])

function readNumber(text: string | undefined, min: number, max: number): number | null {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return null
  const number = Number(text)
  return number >= min && number <= max ? number : null
}
