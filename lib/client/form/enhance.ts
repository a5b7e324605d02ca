/**
 * A form that is sent by script: it tries again until it is known how it ended, tells the
 * person how
 * it stands, and outlives its tab. Whatever it cannot do, the plain form does: at a link that takes
 * one POST, sending it once more is harmless.
 *
 * @see POE draft 2, 5
 */
import type { Payload } from '../body.js'
import { createClient } from '../browser.js'
import { withContentId } from '../content-id.js'
import type { JournalHold } from '../journal.js'
import type { SendOptions } from '../options.js'
import type { PostOutcome, Unknown } from '../outcome.js'
import type { Fields, Order } from '../sending.js'
import { keep, leftBehind } from './form-journal.js'
import { StatusLine } from './status.js'
import { type FormTexts, filledIn, formTexts } from './texts.js'
import { uploadFetch } from './upload-fetch.js'

/** Options of {@link enhance}. Times are milliseconds. */
export interface EnhanceOptions extends Pick<SendOptions, 'tries' | 'timeoutMs' | 'totalMs'> {
  /** The first pause between tries. Default 300. */
  readonly baseMs?: number
  /** Words in place of ours. */
  readonly texts?: Partial<FormTexts>
  /**
   * What is asked for: a server that has JSON says more of an order than a redirect, which the
   * browser hides. Default `application/json, text/html;q=0.5`.
   */
  readonly accept?: string
}

/** A form that is enhanced. */
export interface EnhancedForm {
  /** Makes it a plain form again; what is under way goes on. */
  release(): void
}

const ACCEPT = 'application/json, text/html;q=0.5'
const ENHANCED = new WeakMap<HTMLFormElement, EnhancedForm>()

/**
 * Enhances a form whose action is a POE link.
 * Each outcome is told by the event `poe-outcome`, which
 * bubbles, with the outcome as its `detail`; `preventDefault()` on it leaves to the page what
 * comes next. Else a success leads to its result, and a refusal is shown by sending the plain
 * form, whose answer is the server's own page.
 *
 * What an earlier page left behind, in a tab that was closed, is finished first.
 *
 * @param form - with `method="post"`; `enctype` `text/plain` is left alone
 * @param options - see {@link EnhanceOptions}
 * @returns the enhanced form; a second call for a form gives the same one
 * @see POE draft 2, 5
 */
export function enhance(form: HTMLFormElement, options: EnhanceOptions = {}): EnhancedForm {
  const known = ENHANCED.get(form)
  if (known !== undefined) return known
  const sender = new FormSender(form, options)
  ENHANCED.set(form, sender)
  void sender.resume()
  return sender
}

class FormSender implements EnhancedForm {
  readonly #form: HTMLFormElement
  readonly #options: EnhanceOptions
  readonly #texts: FormTexts
  readonly #status: StatusLine
  readonly #over = new AbortController()
  #isBusy = false
  /** The next submission is the browser's own. */
  #isPlain = false
  /** Not known how it ended: the same may be sent again. */
  #open: Order | null = null

  constructor(form: HTMLFormElement, options: EnhanceOptions) {
    const page = form.closest<HTMLElement>('[lang]')?.lang ?? ''
    this.#form = form
    this.#options = options
    this.#texts = formTexts(page, options.texts)
    this.#status = new StatusLine(form, this.#texts)
    const { signal } = this.#over
    form.addEventListener('submit', event => this.#submitted(event), { signal })
  }

  release(): void {
    this.#over.abort()
    ENHANCED.delete(this.#form)
  }

  /** Finishes what was left behind, and says how it ended. */
  async resume(): Promise<void> {
    for (const hold of await leftBehind()) {
      this.#isBusy = true
      this.#status.say('waiting', this.#texts.resuming)
      const outcome = await this.#settle(resumed(hold)).catch(() => null)
      this.#isBusy = false
      const isOver = outcome !== null && isKnown(outcome)
      await (isOver ? hold.done() : hold.leave()).catch(() => {})
      if (outcome !== null && this.#tells(outcome)) this.#sayResumed(outcome)
    }
  }

  #submitted(event: SubmitEvent): void {
    const { submitter } = event
    if (this.#isPlain) {
      this.#isPlain = false
      return
    }
    const target = targetOf(this.#form, submitter)
    if (event.defaultPrevented || target === null) return
    event.preventDefault()
    if (this.#isBusy) return
    this.#isBusy = true
    this.#send(target, submitter)
      .catch(() => this.#sendPlain(submitter))
      .finally(() => {
        this.#isBusy = false
      })
  }

  async #send(target: URL, submitter: HTMLElement | null): Promise<void> {
    this.#status.say('sending', this.#texts.sending)
    const fields = new FormData(this.#form, submitter)
    const hasFiles = [...fields.values()].some(value => value instanceof File && value.size > 0)
    const order = await this.#ordered(target, fields, isMultipart(this.#form, submitter))
    const outcome = await this.#settle(order, hasFiles)
    if (isKnown(outcome)) await order.hold?.done().catch(() => {})
    else this.#open = order
    if (!this.#tells(outcome)) return
    switch (outcome.outcome) {
      case 'accepted':
      case 'accepted-earlier':
        this.#status.say('done', this.#texts.done, outcome.location ?? outcome.link)
        location.assign(outcome.location ?? outcome.link)
        break
      case 'unknown':
        this.#sayUnknown(outcome, this.#texts.unknown)
        break
      default:
        // The server has a page of its own that says why.
        this.#sendPlain(submitter)
    }
  }

  /** The same content to the same link is the same POST, also after it was given up. */
  async #ordered(link: URL, fields: FormData, isMultipart: boolean): Promise<Order> {
    const { parts, options } = createClient()
    const body = isMultipart ? fields : urlencoded(fields)
    const payload = await parts.prepare(body, Number.POSITIVE_INFINITY)
    // The boundary of a multipart form is new each time.
    const same = isMultipart ? await identityOf(fields) : payload
    const id = await withContentId(options, link, same, {})
    const type = payload.type === null ? {} : { 'content-type': payload.type }
    const headers = { ...type, accept: this.#options.accept ?? ACCEPT, ...id }
    const open = this.#open
    this.#open = null
    if (open !== null && isSame(open, link, id)) return { ...open, isResumed: true }
    await open?.hold?.leave()
    const order = orderOf(link, payload, headers, null)
    return { ...order, hold: await keep(order) }
  }

  /** Sends until it is known how it ended, or nobody can tell now; no network is waited for. */
  async #settle(order: Order, hasFiles = false): Promise<PostOutcome> {
    const { tries = 5, timeoutMs, totalMs, baseMs = 300 } = this.#options
    const client = createClient({
      tries,
      baseMs,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(totalMs === undefined ? {} : { totalMs }),
      ...(hasFiles && { fetch: uploadFetch(part => this.#status.progress(part)) }),
      onRetry: async ({ attempt }) => {
        await this.#online()
        this.#status.say('waiting', filledIn(this.#texts.again, attempt + 1, tries))
      },
    })
    for (let isResumed = order.isResumed; ; isResumed = true) {
      await this.#online()
      const outcome = await client.send({ ...order, isResumed })
      if (navigator.onLine || isKnown(outcome)) return outcome
    }
  }

  /** Waits until there is a network. */
  async #online(): Promise<void> {
    if (navigator.onLine) return
    this.#status.say('offline', this.#texts.offline)
    await new Promise(resolve => addEventListener('online', resolve, { once: true }))
    this.#status.say('sending', this.#texts.sending)
  }

  #tells(outcome: PostOutcome): boolean {
    const event = new CustomEvent('poe-outcome', {
      bubbles: true,
      cancelable: true,
      detail: outcome,
    })
    const isOurs = this.#form.dispatchEvent(event)
    if (!isOurs) this.#status.say('idle', '')
    return isOurs
  }

  #sayUnknown({ isFinal, location }: Unknown, text: string): void {
    this.#status.say('unknown', isFinal ? this.#texts.lost : text, location)
  }

  #sayResumed(outcome: PostOutcome): void {
    const { doneBefore, notDone, unknownBefore } = this.#texts
    switch (outcome.outcome) {
      case 'accepted':
      case 'accepted-earlier':
        this.#status.say('done', doneBefore, outcome.location ?? outcome.link)
        break
      case 'unknown':
        this.#sayUnknown(outcome, unknownBefore)
        break
      default:
        this.#status.say('idle', notDone, outcome.location)
    }
  }

  /** The browser sends the form, and shows what the server says. */
  #sendPlain(submitter: HTMLElement | null): void {
    this.#status.say('idle', '')
    // While the event `submit` is being told, a form cannot be submitted. WHATWG HTML 4.10.21.3
    setTimeout(() => {
      this.#isBusy = false
      this.#isPlain = true
      this.#form.requestSubmit(submitter)
    })
  }
}

/** Where the form is to be sent; `null` where it is none to be enhanced. */
function targetOf(form: HTMLFormElement, submitter: HTMLElement | null): URL | null {
  const given = (name: string) =>
    submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? ''
  const isPost = given('method').toLowerCase() === 'post'
  const isHere = /^(?:_self)?$/i.test(given('target'))
  if (!isPost || !isHere || given('enctype').toLowerCase() === 'text/plain') return null
  const target = new URL(given('action') || location.href, document.baseURI)
  return target.origin === location.origin ? target : null
}

function isMultipart(form: HTMLFormElement, submitter: HTMLElement | null): boolean {
  return (submitter?.getAttribute('formenctype') ?? form.enctype) === 'multipart/form-data'
}

/** @see WHATWG HTML 4.10.21.7 */
function urlencoded(fields: FormData): URLSearchParams {
  const text = (value: FormDataEntryValue) =>
    (typeof value === 'string' ? value : value.name).replaceAll(/\r\n?|\n/g, '\r\n')
  return new URLSearchParams([...fields].map(([name, value]) => [name, text(value)]))
}

/** What tells one multipart form from another. */
async function identityOf(fields: FormData): Promise<Payload> {
  const pieces = [...fields].flatMap(([name, value]) => {
    const about = typeof value === 'string' ? [value.length] : [value.name, value.type, value.size]
    return [JSON.stringify([name, ...about]), value]
  })
  const content = new Uint8Array(await new Blob(pieces).arrayBuffer())
  return { content, type: 'multipart/form-data' }
}

function isSame({ link, headers }: Order, other: URL, id: Fields): boolean {
  const own = headers['idempotency-key']
  return link.href === other.href && own !== undefined && own === id['idempotency-key']
}

/** Whether there is nothing more to do about it. */
function isKnown(outcome: PostOutcome): boolean {
  if (outcome.outcome === 'refused') return outcome.reason !== 'not-sent'
  return outcome.outcome !== 'unknown' || outcome.isFinal
}

function resumed(hold: JournalHold): Order {
  const { link, body, headers } = hold.entry
  const payload = { content: body.length === 0 ? null : body, type: null }
  return { ...orderOf(new URL(link), payload, Object.fromEntries(headers), hold), isResumed: true }
}

function orderOf(link: URL, payload: Payload, headers: Fields, hold: JournalHold | null): Order {
  return {
    link,
    payload,
    headers,
    idempotencyKey: null,
    expiresAtMs: null,
    isRepeatable: true,
    isResumed: false,
    hold,
    limits: {},
    init: {},
    signal: undefined,
  }
}
