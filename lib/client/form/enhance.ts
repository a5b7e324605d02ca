/**
 * A form that is sent by script: it tries again until it is known how it ended, tells the person
 * how it stands, and outlives its tab. Whatever it cannot do, the plain form does: at a link that
 * takes one POST, sending it once more is harmless.
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
import { fieldsOf, isMultipart, listed, submitPlain, targetOf, urlencoded } from './form-data.js'
import { keep, leftBehind } from './form-journal.js'
import { type FormState, StatusLine } from './status.js'
import { type FormTexts, filledIn, formTexts } from './texts.js'
import { uploads } from './upload-fetch.js'

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
const ENHANCED = new WeakMap<HTMLFormElement, FormSender>()

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
  /** What is under way is of an earlier page: nothing is said of what this form holds. */
  #isResuming = false
  /** The next submission is the browser's own. */
  #isPlain = false
  /** Not known how it ended: the same may be sent again. */
  #open: Order | null = null

  constructor(form: HTMLFormElement, options: EnhanceOptions) {
    // A field may be named like a member of the form, and hides it. WHATWG HTML 4.10.3
    const page = Element.prototype.closest.call(form, '[lang]')?.getAttribute('lang') ?? ''
    this.#form = form
    this.#options = options
    this.#texts = formTexts(page, options.texts)
    this.#status = new StatusLine(form, this.#texts)
    const { signal } = this.#over
    form.addEventListener('submit', event => this.#afterOthers(event), { signal })
  }

  release(): void {
    this.#over.abort()
    ENHANCED.delete(this.#form)
  }

  /** Finishes what was left behind, and says how it ended. */
  async resume(): Promise<void> {
    for (const hold of await leftBehind()) {
      // What is sent by hand now comes first; another page finishes the rest.
      if (this.#isBusy) {
        await hold.leave().catch(() => {})
        continue
      }
      this.#isBusy = this.#isResuming = true
      this.#sayUnderWay('waiting', this.#texts.resuming)
      const outcome = await this.#settle(resumed(hold)).catch(() => null)
      this.#isBusy = this.#isResuming = false
      if (outcome !== null && (await this.#handsOn(hold, outcome))) continue
      const isOver = outcome !== null && isKnown(outcome)
      await (isOver ? hold.done() : hold.leave()).catch(() => {})
      if (outcome !== null && this.#tells(outcome)) this.#sayResumed(outcome)
    }
  }

  /** Where a script has put another page in this one's place, the form that is there now tells. */
  async #handsOn(hold: JournalHold, outcome: PostOutcome): Promise<boolean> {
    if (this.#form.isConnected) return false
    await (this.#tells(outcome) ? hold.leave() : hold.done()).catch(() => {})
    for (const line of document.querySelectorAll('form [data-poe-status]')) {
      void ENHANCED.get(line.closest('form') as HTMLFormElement)?.resume()
    }
    return true
  }

  /** The page's own checks may call it off, whenever they were added. */
  #afterOthers(event: SubmitEvent): void {
    // Of one that a script has made a browser sends nothing.
    if (!event.isTrusted) return
    if (this.#isPlain) {
      this.#isPlain = false
      return
    }
    const root = this.#form.getRootNode()
    const heard = (last: Event) => last === event && this.#submitted(event)
    const outermost = root === document ? window : root
    outermost.addEventListener('submit', heard, { once: true })
  }

  #submitted(event: SubmitEvent): void {
    const { submitter } = event
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
    const fields = fieldsOf(this.#form, submitter)
    const hasFiles = [...fields.values()].some(value => value instanceof File && value.size > 0)
    const order = await this.#ordered(target, fields, isMultipart(this.#form, submitter))
    const outcome = await this.#allowed(order, hasFiles)
    const { hold } = order
    const isDone = outcome.outcome === 'accepted' || outcome.outcome === 'accepted-earlier'
    if (!isDone && hold !== null && (await this.#handsOn(hold, outcome))) return
    if (isKnown(outcome)) await hold?.done().catch(() => {})
    else this.#open = order
    if (!this.#tells(outcome)) return
    switch (outcome.outcome) {
      case 'accepted':
      case 'accepted-earlier':
        this.#status.say('done', this.#texts.done, outcome.location ?? outcome.link)
        location.assign(outcome.location ?? outcome.link)
        break
      case 'unknown':
        // What answered in the server's place, as a login does, has a page of its own.
        if (isAnswered(outcome) && !this.#isChanged(submitter, fields)) this.#sendPlain(submitter)
        else this.#sayUnknown(outcome, this.#texts.unknown)
        break
      default:
        // The server has a page of its own that says why.
        this.#sendPlain(submitter, fields)
    }
  }

  /** Sends, unless the page's policy lets no script do so: then nothing has left. */
  async #allowed(order: Order, hasFiles: boolean): Promise<PostOutcome> {
    const stop = new AbortController()
    const { signal } = stop
    const over = new AbortController()
    const seen = ({ disposition, blockedURI }: SecurityPolicyViolationEvent) => {
      const isIt = blockedURI === order.link.href.replace(/#.*/s, '')
      if (isIt && disposition === 'enforce') stop.abort()
    }
    document.addEventListener('securitypolicyviolation', seen, { signal: over.signal })
    try {
      return await this.#settle({ ...order, signal }, hasFiles)
    } catch (error) {
      if (signal.aborted) await order.hold?.done().catch(() => {})
      throw error
    } finally {
      over.abort()
    }
  }

  /** The same content to the same link is the same POST, also after it was given up. */
  async #ordered(link: URL, fields: FormData, isMultipart: boolean): Promise<Order> {
    const { parts, options } = createClient()
    const body = isMultipart ? fields : urlencoded(fields)
    const payload = await parts.prepare(body, Number.POSITIVE_INFINITY)
    const id = await withContentId(options, link, payload, {})
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
    const { tries = 5, ...limits } = this.#options
    const means = hasFiles ? uploads(part => this.#status.progress(part)) : {}
    const client = createClient({
      ...means,
      ...limits,
      tries,
      onRetry: async ({ attempt, delayMs, response }) => {
        // Some browsers take themselves for offline; what answered is there.
        if (response === null) await this.#online()
        // What asks whose an answer is does not wait.
        if (delayMs === 0) return
        this.#sayUnderWay('waiting', filledIn(this.#texts.again, attempt + 1, tries))
      },
    })
    for (let isResumed = order.isResumed; ; isResumed = true) {
      const outcome = await client.send({ ...order, isResumed })
      if (navigator.onLine || isKnown(outcome)) return outcome
      await this.#online()
    }
  }

  /** Waits until there is a network. */
  async #online(): Promise<void> {
    if (navigator.onLine) return
    this.#sayUnderWay('offline', this.#texts.offline)
    await new Promise(resolve => addEventListener('online', resolve, { once: true }))
    this.#sayUnderWay('sending', this.#texts.sending)
  }

  #sayUnderWay(state: FormState, text: string): void {
    this.#status.say(state, this.#isResuming ? this.#texts.resuming : text)
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

  #isChanged(submitter: HTMLElement | null, sent: FormData): boolean {
    return listed(fieldsOf(this.#form, submitter)) !== listed(sent)
  }

  /** The browser sends the form, and shows what the server says. */
  #sendPlain(submitter: HTMLElement | null, sent: FormData | null = null): void {
    // What was changed meanwhile was not meant to be sent; the next press is.
    const isChanged = sent !== null && this.#isChanged(submitter, sent)
    this.#status.say('idle', isChanged ? this.#texts.notDone : '')
    this.#isPlain = isChanged
    if (isChanged) return
    // While the event `submit` is being told, a form cannot be submitted. WHATWG HTML 4.10.21.3
    setTimeout(() => {
      this.#isBusy = false
      this.#isPlain = true
      submitPlain(this.#form, submitter)
      this.#isPlain = false
    })
  }
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

/** Whether a page answered, or a redirect that the browser hides, and no failure. */
function isAnswered({ isFinal, status }: Unknown): boolean {
  return !isFinal && status !== null && status < 400
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
