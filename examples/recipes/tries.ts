/**
 * What the recipes share: the judgement of one POST over all of its tries, what the link says where
 * the tries leave it open, and how it ends.
 */
import { classify, delayFor, type Judgement } from 'post-once-exactly/client'
import { type Asked, allowsPost, askLink, type Reply, saysOwn } from './ask-link.js'

export { type Reply, replyOf, TRY_MS } from './ask-link.js'

/** How often a recipe sends at most. */
export const MOST_TRIES = 5
/** The longest pause that a server may ask for, in milliseconds. */
const MOST_WAIT_MS = 120_000
/** The first pause, in milliseconds; short, so that the recipes can be tried out quickly. */
const BASE_MS = 20

/** It did not happen. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(`refused with ${status}: ${text}`)
    this.status = status
  }
}

/** It cannot be told whether it happened. Never send it anew through another link. */
export class Unknown extends Error {}

/** The tries of one POST: make one for each POST, and judge every answer with it. */
export class Tries {
  count = 0
  #past = { mayHaveArrived: false, wasBusy: false }
  #isAdrift = false
  #last: Judgement | null = null

  /** Whether the answer, or the error, calls for another try. */
  again(answer: unknown): boolean {
    this.count += 1
    this.#last = classify(answer, this.#past)
    this.#past = { mayHaveArrived: this.#last.mayHaveArrived, wasBusy: this.#last.isBusy }
    this.#isAdrift ||= this.#last.isAdrift
    if (this.#last.action !== 'retry' || this.count >= MOST_TRIES) return false
    return this.delayMs(answer instanceof Error ? null : (answer as Reply)) <= MOST_WAIT_MS
  }

  /** How long to wait before it, in milliseconds; at least one. */
  delayMs(reply: Pick<Reply, 'headers'> | null = null): number {
    return Math.max(1, delayFor(Math.max(1, this.count), reply, { baseMs: BASE_MS }))
  }

  /**
   * Ends a POST with its last answer.
   *
   * @returns the text of the result; empty where it happened and its text cannot be had
   * @throws Refused, Unknown
   */
  async end(link: string, reply: Reply | null): Promise<string> {
    const { mayHaveArrived, wasBusy } = this.#past
    const isOpen = this.#last === null || mayHaveArrived || wasBusy
    const { action } = this.#last ?? { action: 'retry' }
    const outcome = this.#last?.action === 'stop' ? this.#last.outcome : null
    if (outcome === 'accepted') return reply?.text || (await textOf(link, reply))
    if (outcome === 'unknown' || (action === 'retry' && isOpen)) throw unknown(link)
    if (action === 'stop' || action === 'retry') throw refused(reply)
    const asked = await askLink(link, reply)
    if (asked.kind === 'spent') {
      const isOwn = action === 'prove' ? saysOwn(reply, mayHaveArrived) : isSame(reply, asked, link)
      if (isOwn === true) return asked.text ?? ''
      if (isOwn === false) throw refused(reply)
      // Nobody says by whom it was used: something in between may have sent ours twice.
      throw unknown(link)
    }
    // So it may be where a used link cannot be asked.
    const isUsed = action === 'prove' && allowsPost(reply) !== true
    if ((isOpen || isUsed) && asked.kind === 'unclear') throw unknown(link)
    // A try may still be on its way to a link that is unspent by now, or at work.
    if (this.#isAdrift || wasBusy) throw unknown(link)
    throw refused(reply)
  }
}

/** Whether an answer that looks like a success is what the link gives; else a front may speak. */
function isSame(reply: Reply | null, asked: Asked, link: string): boolean | null {
  if (reply === null || asked.kind !== 'spent') return null
  const target = reply.status === 303 ? reply.headers.get('location') : null
  if (target !== null) return new URL(target, link).href === asked.at || null
  return (reply.status < 300 && reply.text !== '' && reply.text === asked.text) || null
}

/** The text of a result whose own answer had none, or lost it. */
async function textOf(link: string, reply: Reply | null): Promise<string> {
  if (reply?.text === '' && reply.status !== 303) return ''
  const asked = await askLink(link, reply)
  return asked.kind === 'spent' ? (asked.text ?? '') : ''
}

function unknown(link: string): Unknown {
  return new Unknown(`it cannot be told whether it happened: ask ${link}`)
}

function refused(reply: Reply | null): Refused {
  return new Refused(reply?.status ?? 0, reply === null ? 'nothing was sent' : (reply.text ?? ''))
}

/** Fields as Node's own client gives them, in the form of `Headers`. */
export function fieldsOf(fields: object): Reply['headers'] {
  const values = fields as Readonly<Record<string, unknown>>
  return { get: name => (values[name] === undefined ? null : String(values[name])) }
}
