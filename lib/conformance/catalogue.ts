/**
 * The catalogue: what a check is, as data. Checks belong to requirements, and requirements to
 * sections of the draft or an RFC; what runs them (`run-check.ts`) knows none of their ids.
 *
 * Ids are append-only: one that falls away is never used again for something else.
 *
 * @see spec-notes/requirements.md, spec-notes/decisions/0009-how-a-server-is-judged.md
 */

/** The schemes that a server can be judged by: POE, and its siblings. */
export type Door = 'poe' | 'idempotency-key' | 'action-id' | 'conditional'

/** What a whole run covers; each includes the one before. */
export type Profile = 'core' | 'full' | 'safe'

/** The word with which a document demands something; `implied` ones follow from what it says. */
export type Level =
  | 'MUST'
  | 'MUST NOT'
  | 'SHOULD'
  | 'SHOULD NOT'
  | 'MAY'
  | 'should'
  | 'implied MUST'
  | 'implied SHOULD'
  | 'implied MAY'
  | 'implied'
  | 'open'
  | 'fact'

/** A rule that a server is held to. */
export interface Requirement {
  readonly id: string
  readonly level: Level
  readonly party: 'server' | 'both'
  /** The document and its section. */
  readonly section: string
  /** What it asks, in a sentence. */
  readonly asks: string
  readonly profile: Profile
}

/** What a check cannot do without; the adapter says whether it is there. */
export type Need =
  /** A way to count effects. */
  | 'effects'
  /** A content that the server refuses. */
  | 'invalid'
  /** Another valid content, of another media type. */
  | 'otherType'
  /** Somebody else's credentials. */
  | 'secondUser'
  /** Credentials of whoever asks. */
  | 'credentials'
  /** A way to make the handler slow. */
  | 'slow'
  /** A way to make the handler slow and then report a failure. */
  | 'slowFailure'
  /** A way to make the handler report a failure. */
  | 'failure'
  /** A command that restarts the server. */
  | 'restart'
  /** Links with a short life. */
  | 'shortLived'
  /** A page that hands out links by GET. */
  | 'page'
  /** HTTP/1.1, because of what HTTP/2 cannot say. */
  | 'http1'
  /** HTTP/1.1, and a server that speaks it. */
  | 'http11'
  /** Another path that may lead to the same resource. */
  | 'sibling'
  /** Another valid content that means something else, and not only other bytes. */
  | 'different'
  /** Keys that are Structured Field Strings. */
  | 'quoted'
  /** A key or a condition is demanded of everybody; the adapter says so. */
  | 'required'

/** One thing to find out about a server. */
export interface Check {
  /** The requirement's id, a slash and a name. */
  readonly id: string
  readonly requirement: string
  readonly title: string
  /** Why it matters, for whoever reads that it is not met. */
  readonly why: string
  /** No sentence of the draft or of HTTP demands it: not met is worth a warning. */
  readonly warns?: true
  readonly needs?: readonly Need[]
  /** The checks that ask the plain question: where one is not met, this one is not asked. */
  readonly blockedBy?: string | readonly string[]
  /** It compares what was done last, so no other check is under way meanwhile. */
  readonly alone?: true
  readonly steps: readonly Step[]
}

/** What is sent as content; what each of them is, the adapter says. */
export type BodyKind =
  | 'valid'
  /** Valid, with other bytes. */
  | 'otherValid'
  /** Valid, and something else is meant by it. */
  | 'different'
  /** Valid, in another media type. */
  | 'otherType'
  | 'invalid'
  /** `valid` whose media type names its charset. */
  | 'charset'
  /** `valid` as plain text. */
  | 'plain'
  /** `valid` as multipart/form-data, where it is flat; else nothing. */
  | 'parts'
  /** Of the media type of `valid`, and not well-formed. */
  | 'broken'
  /** Of a media type that nobody knows. */
  | 'unknownType'
  /** Four megabytes. */
  | 'huge'
  | 'none'

/** How the handler is to behave, where the adapter knows a way to make it. */
export type Provocation = 'slow' | 'slowFailure' | 'failure'

/**
 * Another way to write a link's URI: `encoded` (a letter of its last segment percent-encoded),
 * `query` (one more parameter), `slash` (a slash behind it), `slashes` (a doubled slash in front),
 * `dots` (a dot segment), `absolute` (the absolute form of the target), `malformed` (a percent sign
 * that begins nothing), `empty` (its last segment is empty), `hex` (each letter and digit of its
 * last segment percent-encoded, in small letters), `case` (the letters of its last segment in the
 * other case), `last-bit` (its token ends in another bit, which base64 may leave unused), `suffix`
 * (a letter behind it), `extension` (`.json`), `segment` (one more segment),
 * `parameter` (`;x=1`), `sibling` (its last segment at the path that the adapter names).
 */
export type Spelling =
  | 'encoded'
  | 'query'
  | 'slash'
  | 'slashes'
  | 'dots'
  | 'absolute'
  | 'malformed'
  | 'empty'
  | 'hex'
  | 'encoded-slash'
  | 'case'
  | 'last-bit'
  | 'suffix'
  | 'extension'
  | 'segment'
  | 'parameter'
  | 'sibling'

/**
 * How an idempotency key is written: `own` (as this server takes it, the default), `bare` (without
 * quotes), `parameters` (`"k";p=1`), `none` (no field), or in a way that is no String:
 * `unbalanced` (`"k`), `number`, `bytes` (`:aw==:`), `list` (`("k")`), `two-lines`, `trailing`
 * (`"k" x`), `empty` (`""`), `blank` (nothing), `long` (ten kilobytes). Keys that
 * are near to each other: `word` and `capitals` (the same in capitals), `long-a` and `long-b` (more
 * than a hundred characters, of which the last one differs).
 */
export type KeyForm =
  | 'own'
  | 'bare'
  | 'parameters'
  | 'none'
  | 'unbalanced'
  | 'number'
  | 'bytes'
  | 'list'
  | 'two-lines'
  | 'trailing'
  | 'empty'
  | 'blank'
  | 'long'
  | 'word'
  | 'capitals'
  | 'long-a'
  | 'long-b'

/**
 * Which condition a request has: `current` (If-Match with the tag that was fetched, the default),
 * `any` (`If-Match: *`), `listed` (the tag behind another one), `weak` (the tag as a weak one),
 * `unquoted`, `stranger` (a tag that was never issued), `longer` and `shorter` (by a letter),
 * `absent` (`If-None-Match: *`), `unlike` (If-None-Match with it), `none`.
 */
export type ConditionForm =
  | 'current'
  | 'any'
  | 'listed'
  | 'weak'
  | 'unquoted'
  | 'stranger'
  | 'longer'
  | 'shorter'
  | 'absent'
  | 'unlike'
  | 'none'

/**
 * Where a request goes: a link by its name in the check, something made of one, the page, or where
 * an earlier answer, by its name, links to with a relation.
 */
export type Target =
  | {
      readonly link: string
      readonly spelling?: Spelling
      /** `changed` in one character; `invented`: each letter and digit anew. */
      readonly forged?: 'changed' | 'invented'
    }
  | { readonly page: true }
  | { readonly linked: string; readonly rel: string }

/** A request. */
export interface RequestSpec {
  /** Default: to the page `GET`; to a link `POST`, or what the door has in its place. */
  readonly method?: string
  readonly to: Target
  /** Default `valid` for a POST, PUT or PATCH, else `none`. */
  readonly body?: BodyKind
  /** Field lines beside those of the adapter; a later line of one name replaces the adapter's. */
  readonly fields?: Readonly<Record<string, string>>
  /** Default `first`; `nobody` sends no credentials. */
  readonly user?: 'first' | 'second' | 'nobody'
  /** Whether `POE: 1` goes along. Default true. */
  readonly poe?: boolean
  /** The cookies of the page do not go along, as with a client that keeps none. */
  readonly cookies?: false
  /** Of requests with a key. */
  readonly key?: KeyForm
  /** Of conditional requests. */
  readonly condition?: ConditionForm
  readonly provoke?: Provocation
  /** The content arrives in pieces, with pauses between them; half a second in all. */
  readonly slowly?: true
  /** The content has no length: chunked. */
  readonly chunked?: true
  /** With `Expect: 100-continue`: the content follows after a moment, asked for or not. */
  readonly unasked?: true
  /** The version that the request names. Default: 1.1. */
  readonly version?: '1.0'
  /** Bytes behind the request. */
  readonly trailing?: string
  /** Redirects to the same origin are followed by GET. */
  readonly follows?: true
  /** Sends a validator that an earlier answer, by its name, carried. */
  readonly revalidates?: string
}

/** What an answer has to be like; each member is one demand. */
export type Expectation =
  /** Its status is one of these: `405`, `2xx`, or none of those after a `!`. */
  | { readonly status: readonly string[] }
  | { readonly has: string }
  | { readonly lacks: string }
  | { readonly allowHas: string }
  | { readonly allowLacks: string }
  /** Methods in `Allow` are written as their names are, in capitals. */
  | { readonly allowNames: true }
  /** A field lists a token, in any case. */
  | { readonly lists: readonly [field: string, token: string] }
  | { readonly typeIs: string }
  /** No cache may keep it. */
  | { readonly notStored: true }
  /** Nothing says for how long it may be kept. */
  | { readonly notFresh: true }
  /** No shared cache may hand it to somebody else. */
  | { readonly notShared: true }
  /** `Retry-After` is at least one second, or a date. */
  | { readonly retryAfter: true }
  /** The same bytes and the same media type as an earlier answer. */
  | { readonly contentOf: string }
  /** The same status as an earlier answer. */
  | { readonly statusOf: string }
  /** What a GET of a spent link gives: the content of the POST, or a redirect to its result. */
  | { readonly resultOf: string }
  /** A part of the content of an earlier answer, as Content-Range says, or all of it. */
  | { readonly partOf: string }
  /** `Location` leads where that of an earlier answer leads. */
  | { readonly locationOf: string }
  /** It was asked where the `Location` of an earlier answer leads. */
  | { readonly targetOf: string }
  /** The same status and fields as an earlier answer, and nothing behind them. */
  | { readonly headOf: string }
  /** A field differs from that of an earlier answer. */
  | { readonly unlike: readonly [field: string, answer: string] }
  /** Differs from an earlier answer in status or content, or leads elsewhere. */
  | { readonly differsFrom: string }
  | { readonly empty: true }
  | { readonly notEmpty: true }
  /** A link stands in the content, whatever it leads to. */
  | { readonly namesLink: true }
  /** `POE-Links` is as the grammar has it. */
  | {
      readonly poeLinks: 'quoted' | 'no fragment' | 'not empty' | 'no empty members' | 'own origin'
    }
  /** The link that the check would use is of the page's origin. */
  | { readonly ownLink: true }
  /** Each announced link stands in the content. */
  | { readonly linksInContent: true }
  /** A link to the result names its context; `relation`: one with the relation for results. */
  | { readonly resultLink: true | 'relation' }
  /** A link with this relation goes along. */
  | { readonly linksTo: string }
  /** The content was not asked for before it: no 100; hints (103) may come. */
  | { readonly noInterim: true }
  /** It was answered after another request, by its name, was. */
  | { readonly after: string }
  /** What it says about freshness fits what RFC 9110 9.3.3 lets a POST say. */
  | { readonly cacheableByRule: true }
  /** At least one of these lists holds. */
  | { readonly anyOf: readonly (readonly Expectation[])[] }
  /** Where the first list holds, of this answer or another one, the second one has to. */
  | {
      readonly when: readonly Expectation[]
      readonly of?: string
      readonly demand: readonly Expectation[]
    }

/** Makes a name in the check stand for something. */
interface Named {
  /** What later steps call the answer. */
  readonly as?: string
}

/** Fetches a link; or makes a key, or fetches an entity tag, where the door works with those. */
export interface MintStep {
  readonly mint: string
  readonly user?: 'first' | 'second'
  readonly poe?: boolean
  readonly shortLived?: boolean
  /** What is sent there is what is sent to an earlier link, by its name. */
  readonly like?: string
}

/** Sends a request and judges the answer. */
export interface SendStep extends Named {
  readonly send: RequestSpec
  /** How often; each answer is judged, the last one is kept. Default 1. */
  readonly times?: number
  /** Goes on without waiting for the answer; an `await` step takes it. */
  readonly inBackground?: boolean
  /** "Not now" (409, 425, 503) is waited for, for some seconds. */
  readonly patiently?: boolean
  /** No answer at all is no obstacle: the check goes on without one. */
  readonly mayBeCut?: boolean
  /** What has to hold so that the check can go on at all. */
  readonly setup?: readonly Expectation[]
  /** What has to hold so that the check means anything here; else it is not judged. */
  readonly only?: readonly Expectation[]
  readonly expect?: readonly Expectation[]
}

/** Requests over one connection: each after the answer to the one before, or all at once. */
export interface RowStep {
  readonly row: readonly RequestSpec[]
  readonly pipelined?: boolean
  /** How many answers may be 2xx. */
  readonly mostSuccesses: number
}

/** What a whole run has had of effects: no more than there are links at which one can have been. */
export interface BalanceStep {
  readonly balance: 'run'
}

/** Takes the answer of a request in the background. */
export interface AwaitStep {
  readonly await: string
  readonly setup?: readonly Expectation[]
  readonly only?: readonly Expectation[]
  readonly expect?: readonly Expectation[]
}

/** Many copies of one request at once, for a fresh link in each round. */
export interface RaceStep {
  readonly race: Omit<RequestSpec, 'to'>
  /** A failure that each link has seen before; where none succeeds then, it does not arise. */
  readonly failedBy?: Provocation
  /** Links in each round that the copies share; they get `link` as their name. */
  readonly copies: number
  /** Each second copy has this content. */
  readonly inTurn?: BodyKind
  /** How many answers of one round may be 2xx, or a redirect that is success. Default: all. */
  readonly mostSuccesses?: number
  /** What each further 2xx of a round has to be; the first one is called `accepted`. */
  readonly same?: readonly Expectation[]
  /** What every other answer of a round has to be. */
  readonly others: readonly Expectation[]
}

/**
 * Sends a request to links that this run has used, the first of them and the last, and judges each
 * answer. What a link was used with is called `first`.
 */
export interface UsedLinksStep {
  readonly used: Omit<RequestSpec, 'to'>
  /** Of those links whose first answer was like this. */
  readonly only?: readonly Expectation[]
  readonly expect: readonly Expectation[]
}

/** Sends part of a request, or all of it, and leaves without reading the answer. */
export interface LeaveStep {
  readonly leave: RequestSpec
  /** `body`: half of the content; `answer`: all of it. */
  readonly before: 'body' | 'answer'
}

/** How many effects there have been since the check began. */
export interface EffectsStep {
  readonly effects: { readonly exactly: number } | { readonly atMost: number }
  /** Asks only where an answer, by its name, is like this. */
  readonly where?: { readonly answer: string; readonly is: readonly Expectation[] }
}

/** Many links, looked at together. */
export interface ManyLinksStep {
  readonly links: number
  readonly are: 'distinct' | 'unguessable'
  /** Asks for them as two people in turn. */
  readonly byTwo?: boolean
}

/** Restarts the server. */
export interface RestartStep {
  readonly restart: true
}

/**
 * Waits: a moment in which a request arrives and begins to run, as long as one may be on its way
 * (`arrival`), or until a short life is over.
 */
export interface PauseStep {
  readonly pause: 'moment' | 'arrival' | 'life'
}

/** One step of a check. */
export type Step =
  | MintStep
  | SendStep
  | AwaitStep
  | RaceStep
  | UsedLinksStep
  | LeaveStep
  | RowStep
  | BalanceStep
  | EffectsStep
  | ManyLinksStep
  | RestartStep
  | PauseStep
