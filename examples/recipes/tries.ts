/**
 * What the recipes share: the judgement of one POST over all of its tries, and how it ends.
 */
import { classify, delayFor, type Judgement } from 'post-once-exactly/client'

/** How often a recipe sends at most. */
export const MOST_TRIES = 5
/** The first pause, in milliseconds; short, so that the recipes can be tried out quickly. */
const BASE_MS = 20

/** It did not happen; the link can still be used. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(`refused with ${status}: ${text}`)
    this.status = status
  }
}

/** It cannot be told whether it happened. Never send it anew through another link. */
export class Unknown extends Error {}

/** An answer in the form that is judged, whatever the helper calls its parts. */
export interface Reply {
  readonly status: number
  readonly text: string
  readonly headers: { get(name: string): string | null }
}

/** The tries of one POST: make one for each POST, and judge every answer with it. */
export class Tries {
  count = 0
  #past = { mayHaveArrived: false, wasBusy: false }
  #last: Judgement | null = null

  /** Whether the answer, or the error, calls for another try. */
  again(answer: unknown): boolean {
    this.count += 1
    this.#last = classify(answer, this.#past)
    this.#past = { mayHaveArrived: this.#last.mayHaveArrived, wasBusy: this.#last.isBusy }
    return this.#last.action === 'retry' && this.count < MOST_TRIES
  }

  /** How long to wait before it, in milliseconds. */
  delayMs(reply: Pick<Reply, 'headers'> | null = null): number {
    return delayFor(Math.max(1, this.count), reply, { baseMs: BASE_MS })
  }

  /**
   * Ends a POST with its last answer.
   *
   * @returns the text of the result
   * @throws Refused, Unknown
   */
  async end(link: string, reply: Reply | null): Promise<string> {
    const { mayHaveArrived } = this.#past
    const last = this.#last
    if (last?.action === 'stop' && last.outcome === 'accepted') return reply?.text ?? ''
    const isUsed = reply?.status === 405 && !allowsPost(reply)
    if (isUsed && mayHaveArrived) {
      // The link itself proves it, and gives the answer that was lost.
      const result = await fetch(link)
      if (result.ok) return await result.text()
    }
    if (mayHaveArrived || last?.isBusy === true || reply === null) {
      throw new Unknown(`it cannot be told whether it happened: ask ${link}`)
    }
    throw new Refused(reply.status, reply.text)
  }
}

/** A `Response` as a reply. */
export async function replyOf(response: Response): Promise<Reply> {
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** Fields as Node's own client gives them, in the form of `Headers`. */
export function fieldsOf(fields: object): Reply['headers'] {
  const values = fields as Readonly<Record<string, unknown>>
  return { get: name => (values[name] === undefined ? null : String(values[name])) }
}

function allowsPost({ headers }: Reply): boolean {
  const allow = headers.get('allow')
  return allow === null || allow.split(/\s*,\s*/).includes('POST')
}
