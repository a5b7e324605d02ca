/**
 * How a POST ended, as the client tells it.
 *
 * @see POE draft 2, 5
 */

/** What every outcome tells. */
export interface OutcomeDetails {
  /** The absolute URL that the POST went to: the link, or where a 307 led from it. */
  readonly link: string
  /** The key that went with every try; `null` where there was none. */
  readonly idempotencyKey: string | null
  /** How many tries were begun. */
  readonly attempts: number
  /** Status of the last answer to a try; `null` where none came. */
  readonly status: number | null
  /**
   * What to do, where the client can tell: for example, that the address is a page that gives
   * links. It holds the address. Of the Node client and of those with a journal.
   */
  readonly hint?: string
  /** Where the result is, as an absolute URL, where that is known. */
  readonly location: string | null
  /**
   * The answer to look at: the result where it happened (the answer of the POST, or what a GET
   * gave again), else the refusal; `null` where there is none. Its body may still break off, and
   * what is longer than 1 MiB has to be begun within `timeoutMs`, so that no connection is held for
   * ever; `bytes`, `text` and `json` then fetch it again.
   */
  readonly response: Response | null
  /**
   * The body of `response`; a result that breaks off is fetched again from the link. It may take
   * `totalMs`. Call one of the three, once.
   *
   * @returns the bytes, none where there is no answer
   * @throws what `fetch` throws, where the body cannot be had
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>>
  /** {@link bytes} as text (UTF-8). */
  text(): Promise<string>
  /**
   * {@link bytes} as JSON.
   *
   * @throws SyntaxError where it is none
   */
  json(): Promise<unknown>
}

/** It took effect, by a try whose answer came; `response` is that answer. */
export interface Accepted extends OutcomeDetails {
  readonly outcome: 'accepted'
}

/** It took effect, by an earlier try whose answer was lost; `response` is that answer, by GET. */
export interface AcceptedEarlier extends OutcomeDetails {
  readonly outcome: 'accepted-earlier'
}

/** The link had been used before, as the server says with other content; this did not happen. */
export interface UsedBefore extends OutcomeDetails {
  readonly outcome: 'used-before'
  /** The server says that the earlier POST was another one. */
  readonly payloadMatches: false
  /** A link for the same purpose, where the server gave one. */
  readonly freshLink: string | null
  /** The answer that says so. */
  readonly refusal: Response
}

/** It did not take effect, and the link can still be used. */
export interface Refused extends OutcomeDetails {
  readonly outcome: 'refused'
  /**
   * `answered`: the server said so. `not-sent`: no connection was made, or what was to be sent
   * could not be had. `redirected`: it was to go to an origin that is not allowed.
   */
  readonly reason: 'answered' | 'not-sent' | 'redirected'
  /** What went wrong, for `not-sent`. */
  readonly cause: unknown
}

/** The link is no link any more, and nothing was sent before that was learned. */
export interface Gone extends OutcomeDetails {
  readonly outcome: 'gone'
}

/** It cannot be told whether it took effect. Never send it anew through another link. */
export interface Unknown extends OutcomeDetails {
  readonly outcome: 'unknown'
  /**
   * `gave-up`: the tries or the time ran out; the same POST at the same link may still settle it.
   * `unproven`: the server's answer proves nothing, or not whose POST it was; `location` then says
   * where the result is. `forgotten`: the server does not know the link any more, or may
   * have forgotten the key by now; where that is not final, it does not know the link by this
   * login. `not-repeatable`: the answer was lost where a second try is not safe.
   */
  readonly reason: 'gave-up' | 'unproven' | 'forgotten' | 'not-repeatable'
  /** Whether asking again cannot tell either: now a person has to look. */
  readonly isFinal: boolean
  /** What went wrong last, where no answer came. */
  readonly cause: unknown
}

/** How a POST ended; switch over `outcome`. */
export type PostOutcome = Accepted | AcceptedEarlier | UsedBefore | Refused | Gone | Unknown
