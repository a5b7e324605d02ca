/**
 * The client for Node: sends each POST so that it takes effect once, and tells how it ended.
 *
 * @packageDocumentation
 */
import { preparePayload } from './body.js'
import { PoeClient } from './client.js'
import { BODY_LIMIT_BYTES } from './defaults.js'
import { followHops } from './follow-get.js'
import { followPost } from './follow-post.js'
import { leadsAll } from './inquiry.js'
import type { Judgement, Past } from './judge.js'
import { type AnyRules, classifyAny } from './judge-keyed.js'
import { finalUrl } from './known-links.js'
import { logLines } from './log-lines.js'
import { digestAtOnce } from './node/digest.js'
import { withKnownContent } from './node/foreign-fetch.js'
import { linkReader } from './node/link-field.js'
import { type Adapter, type ClientOptions, checkOptions } from './options.js'
import { readAllLinks } from './page-links.js'
import { provesNotSent } from './reach.js'

export type { PoeClient, PostOptions, RequestOptions, Resumed, ResumeOptions } from './client.js'
export { delayFor } from './delay.js'
export { ClientError, PostAborted } from './errors.js'
export type { AnyRules, ClientDoor } from './judge-keyed.js'
export { type FileJournalOptions, fileJournal } from './node/file-journal.js'
export { LinkPool, type LinkPoolOptions, linkPool } from './pool.js'
export type * from './types.js'

/**
 * Makes a client.
 *
 * @param options - see {@link ClientOptions}
 * @returns the client
 * @throws TypeError for options that cannot be meant
 * @see POE draft 2, 5
 */
export function createClient(options: ClientOptions = {}): PoeClient {
  return new PoeClient(withForeign(options), {
    links: linkReader,
    readLinks: readAnnounced,
    prepare: preparePayload,
    classify,
    follow: followPost,
    hops: followHops,
    leadsAll,
    digest: digestAtOnce,
    lines: logLines,
    check: checkOptions,
  })
}

/** What is no function is told of where options are checked; Deno and Bun know no Node streams. */
function withForeign(options: ClientOptions): ClientOptions {
  const { fetch, bodyLimitBytes = BODY_LIMIT_BYTES } = options
  const isNode = !('Deno' in globalThis || 'Bun' in globalThis)
  if (!isNode || typeof fetch !== 'function' || fetch === globalThis.fetch) return options
  return { ...options, fetch: withKnownContent(fetch, bodyLimitBytes) }
}

/** A `Link` names links where the adapter says its relation. */
function readAnnounced(response: Response, asked: URL, { linkRelation }: Adapter): readonly URL[] {
  const announced = readAllLinks(response, asked)
  if (linkRelation === undefined) return announced
  const base = finalUrl(response, asked)
  return [...announced, ...linkReader.targets(response.headers.get('link'), base, linkRelation)]
}

/**
 * Judges one answer to a POST that can be sent again: at a POE link, or with an `Idempotency-Key`.
 * For retry helpers of your own; `createClient` does all of it.
 *
 * @param answer - the `Response`, or what `fetch` threw
 * @param past - what is known of the tries before; pass `mayHaveArrived` on from judgement to
 *   judgement
 * @param rules - see {@link AnyRules}; Node's own errors are known
 * @returns what to do
 * @see POE draft 2, 5; draft-ietf-httpapi-idempotency-key-header-07 2.6
 */
export function classify(answer: unknown, past: Past = {}, rules: AnyRules = {}): Judgement {
  return classifyAny(answer, past, { provesNotSent, ...rules })
}
