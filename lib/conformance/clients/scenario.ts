/**
 * What a scenario for a client is, as data: how the server behaves, and what is expected of the
 * client. What plays them (`scripted-server.ts`) knows none of their ids.
 */
import type { Level } from '../catalogue.js'

/** How a client says that it ended. `failed`: as an error that does not say what it knows. */
export type ClientEnding = 'accepted' | 'refused' | 'unknown' | 'failed'

/** An answer of the scripted server. `{link}`, `{moved}` and `{soon}` in fields are filled in. */
export interface AnswerSpec {
  readonly status: number
  readonly fields?: Readonly<Record<string, string>>
  /** JSON. */
  readonly content?: unknown
}

/**
 * What happens to a POST. `executes`: it takes effect. The answer is one by its parts; `proven`:
 * 405 with what proves that it was accepted; `cut`: the connection ends without an answer;
 * `broken`: in the middle of the answer.
 */
export interface Reaction {
  readonly executes?: boolean
  readonly answer: AnswerSpec | 'proven' | 'cut' | 'broken'
}

/** How the page hands out its link. */
export interface PageScript {
  /** Values of `POE-Links`, a line each; `{link}` is the link, `{host}` the server's. */
  readonly lines?: readonly string[]
  /** Further fields. */
  readonly fields?: Readonly<Record<string, string>>
  /** The path of the link instead of a plain one; `{token}` is what makes it unique. */
  readonly path?: string
  /** There is no link to be had by GET: an empty POST makes one. */
  readonly isMint?: boolean
  /** What is given as the page leads there by 302 first. */
  readonly isMoved?: boolean
  /** To a POST to the page itself, where that makes no links. Default: 405. */
  readonly post?: Reaction
}

/** What the server does. */
export interface Script {
  readonly page?: PageScript
  /** To each POST to the first link, in turn; the last one is repeated. */
  readonly link: readonly Reaction[]
  /** To each POST to the place that a 307 leads to. */
  readonly moved?: readonly Reaction[]
  /** To GET at the link. Default: the result where it took effect, else 405 that lists POST. */
  readonly get?: AnswerSpec
}

/** What is expected of a client; each member is one demand. */
export type ClientExpectation =
  | { readonly ended: readonly ClientEnding[] }
  | { readonly effects: { readonly atMost: number } | { readonly exactly: number } }
  /** POSTs with content: to the link, to where a 307 led from it, or to the page. */
  | { readonly posts: { readonly atMost?: number; readonly atLeast?: number } }
  /** Every POST has the same bytes and the same media type. */
  | { readonly alike: true }
  /** Every POST has the same fields, but for those of the connection and of tracing. */
  | { readonly sameFields: true }
  /** No POST comes again with the login that the one before had, or without any. */
  | { readonly blindRepeats: 'none' }
  /** What a place is asked by, and by nothing else; what was posted there may be looked at. */
  | { readonly only: readonly [place: Place, method: string] }
  | { readonly never: Place }
  | { readonly asked: readonly [place: Place, method: string] }
  /** One link is posted to, whatever happens. */
  | { readonly oneLink: true }
  /** Only the page, the links and where answers led is asked. */
  | { readonly noOtherPlace: true }
  /** Every request has a field with this value. */
  | { readonly everywhere: readonly [field: string, value: string] }
  /** No request has this field. */
  | { readonly nowhere: string }
  /** The pause before the second POST, in milliseconds. */
  | { readonly firstPauseMs: { readonly atLeast: number } }
  /** The pauses on average, in milliseconds: one of them may be short. */
  | { readonly meanPauseMs: { readonly atLeast: number } }
  | { readonly pausesGrow: true }
  /** An empty POST says so. */
  | { readonly saysLength: true }
  /** It ended by itself. */
  | { readonly ends: true }

/** A place of the scripted server. */
export type Place = 'page' | 'link' | 'result' | 'moved' | 'login' | 'foreign' | 'elsewhere'

/** One thing to find out about a client. */
export interface ClientCheck {
  /** The requirement's id, a slash and a name. */
  readonly id: string
  readonly title: string
  readonly why: string
  /** What has to have happened so that the question arises. */
  readonly arises?: readonly ClientExpectation[]
  readonly expect: readonly ClientExpectation[]
  /** Not met is worth a warning only. */
  readonly warns?: true
  /** Chance has a hand in it: it is not met where it is not met in any of three plays. */
  readonly isByChance?: true
}

/** A play for one client, and what it is asked about. */
export interface Scenario {
  readonly name: string
  readonly script: Script
  /** The client has to find the link on a page by itself. */
  readonly needsPage?: true
  /** The first one is also about what always holds: no false word, no second effect. */
  readonly checks: readonly ClientCheck[]
}

/** A rule that a client is held to. */
export interface ClientRequirement {
  readonly id: string
  readonly level: Level
  readonly party: 'client' | 'user agent' | 'both'
  readonly section: string
  readonly asks: string
}
