/**
 * Which checks decide about which wrong server: these and no others. Checks that are blocked by
 * these are not among them: the same fault is not told twice.
 */
import type { Fault } from './servers/fault.js'
import { WRONG } from './servers/wrong.js'
import { WRONG_MORE } from './servers/wrong-more.js'

/**
 * By the name of the wrong server: the checks that fail; where none does, those that warn. One that
 * is not here is caught by the check that its row names, alone.
 */
export const CAUGHT_BY: Readonly<Record<string, readonly string[]>> = {
  'second-2xx': ['POE-2-1/same', 'POE-2-2/reuse'],
  'second-2xx-replayed': ['POE-2-1/same'],
  'second-2xx-other-body': ['POE-2-1/other-body', 'POE-2-2/reuse'],
  'second-2xx-other-type': ['POE-2-1/other-type'],
  'second-2xx-after-restart': ['POE-2-1/restart'],
  'second-2xx-without-poe': ['POE-1-3/reuse'],
  '303-does-not-spend': ['POE-2-2/redirected'],
  '204-does-not-spend': ['POE-2-1/same', 'POE-2-16/differs', 'POE-2-2/reuse', 'POE-2-7/no-content'],
  'race-check-then-act': ['POE-2-1/pipelined', 'POE-2-2/race'],
  'runs-while-running': ['POE-2-15/running'],
  'put-runs': ['POE-1-1/other-methods'],
  'delete-reopens': ['POE-1-1/delete'],
  'spelling-percent': ['POE-2-23/encoded'],
  'spelling-query': ['POE-2-23/query'],
  'spelling-slash': ['POE-2-23/slash'],
  'spelling-double-slash': ['POE-2-23/slashes'],
  'spelling-absolute': ['POE-2-23/absolute'],
  'client-gone-lost': ['POE-2-22/client-gone'],
  'client-gone-undone': ['POE-2-22/undone'],
  'forged-runs': ['POE-2-18/changed', 'POE-2-18/invented', 'POE-2-23/case', 'POE-2-23/last-bit'],
  'other-user': ['POE-8-5/bound', 'POE-8-5/result'],
  'expired-runs': ['POE-2-18/expired'],
  'expired-forgets': ['POE-2-18/expired-told'],
  'burnt-by-400': ['POE-2-3/broken'],
  'burnt-by-401': ['POE-2-3/failure'],
  'burnt-by-403': ['POE-2-3/failure'],
  'burnt-by-413': ['POE-2-3/too-large'],
  'burnt-by-415': ['POE-2-3/unknown-type'],
  'burnt-by-422': ['POE-2-3/invalid'],
  'burnt-by-429': ['POE-2-3/failure'],
  'burnt-by-307': ['POE-2-3/failure'],
  'burnt-by-5xx': ['POE-2-3/failure'],
  'burnt-by-cut-off': ['POE-2-3/cut-off'],
  'burnt-by-get': ['POE-2-16/get'],
  'burnt-by-head': ['POE-2-16/head'],
  'burnt-by-options': ['POE-2-17/options'],
  'burnt-by-prefetch': ['POE-2-16/prefetch'],
  'running-405': ['POE-2-15/running'],
  'running-202': ['POE-2-15/running'],
  'waiting-2xx': ['POE-2-15/running'],
  'reuse-orders': ['POE-2-2/reuse'],
  'failure-orders': ['POE-2-3/failure'],
  'invalid-orders': ['POE-2-3/invalid', 'POE-2-3/invalid-effects'],
  'cut-off-orders': ['POE-2-3/cut-off'],
  'running-orders': ['POE-2-15/running'],
  'put-spent-orders': ['POE-2-17/spent'],
  'delete-orders': ['POE-1-1/delete'],
  'options-orders': ['H-OPT-1/spent', 'H-OPT-1/unspent', 'POE-2-1/looked', 'POE-2-17/options'],
  'mint-orders': ['POE-1-3/race', 'POE-4-6/vary'],
  'second-2xx-chunked': ['POE-2-1/chunked'],
  'second-2xx-expect': ['POE-2-1/expect'],
  'spelling-case': ['POE-2-23/case'],
  'remembers-few': ['POE-2-1/later', 'POE-2-1/restart'],
  'shows-the-latest': ['POE-2-7/own'],
  'reuse-303': ['POE-2-4/reuse'],
  'reuse-400': ['POE-2-4/reuse'],
  'reuse-403': ['POE-2-4/reuse'],
  'reuse-409': ['POE-2-4/reuse'],
  'reuse-without-allow': ['POE-2-6/reuse'],
  'reuse-allows-post': ['POE-2-5/reuse'],
  'allow-in-lower-case': ['H-405-2/names'],
  'reuse-with-location': ['H-LOC-1/reuse'],
  'reuse-without-anchor': ['H-LINK-1/relation'],
  'reuse-412': ['H-412-2/spent'],
  'reuse-asks-for-content': ['H-100-1/spent'],
  'refusals-cacheable': ['H-CACHE-2/before'],
  'problem-as-text': ['H-PROB-1/reuse'],
  'html-gets-json': ['POE-6-2/reuse'],
  '409-without-retry-after': ['H-RA-1/running'],
  'poe-malformed-400': ['POE-4-4/odd-values'],
  'poe-huge-500': ['POE-4-4/odd-values'],
  'odd-target-500': ['POE-2-23/malformed'],
  'get-same-before': ['POE-2-16/differs'],
  'get-without-allow': ['H-405-1/get'],
  'get-other-bytes': ['POE-2-7/get'],
  'get-other-type': ['H-HEAD-1/spent', 'POE-2-7/get'],
  'get-404': ['H-HEAD-1/spent', 'POE-2-7/get', 'POE-2-9/redirect'],
  'get-303-forgotten': ['POE-2-9/redirect'],
  'get-while-running-200': ['POE-2-16/running'],
  'head-differs': ['H-HEAD-1/spent'],
  'options-lists-post': ['H-OPT-1/spent'],
  'result-cacheable': ['H-CACHE-3/result'],
  'answer-cacheable': ['H-POST-1/success'],
  referrer: ['POE-8-5/referrer'],
  'page-cacheable': ['H-CACHE-1/page'],
  'page-silent': ['H-CACHE-1/page'],
  'page-etag': ['POE-3-18/revived'],
  'shared-link': ['H-CACHE-1/two-people', 'POE-8-5/bound', 'POE-8-5/result'],
  guessable: ['POE-8-5/unguessable'],
  'vary-missing': ['POE-4-6/vary'],
  'link-with-fragment': ['POE-3-2/fragment'],
  'link-not-ascii': ['H-LINK-1/relation', 'POE-3-1/quoted'],
  'links-unquoted': ['POE-3-1/quoted'],
  'links-empty': ['POE-3-3/empty'],
  'links-empty-member': ['POE-3-16/empty-members'],
  'links-not-in-page': ['POE-3-9/content'],
  'again-later': ['POE-2-1/later'],
  'head-orders': ['H-HEAD-1/spent', 'POE-2-1/looked'],
  'get-orders': ['POE-2-7/get'],
  'expect-orders': ['H-100-1/spent', 'POE-2-1/expect'],
  'two-share': ['POE-A-2/distinct'],
  'reissues-spent': ['POE-A-2/apart'],
  'cacheable-other': ['POE-2-7/get', 'POE-2-8/cacheable'],
  'unknown-orders': ['POE-2-18/changed', 'POE-2-18/invented', 'POE-2-23/case', 'POE-2-23/last-bit'],
}

/** Faults that meet nearly every check, or that come late: the check that is meant, at least. */
export const AT_LEAST: ReadonlySet<string> = new Set([
  'again-later',
  'two-share',
  'reissues-spent',
  'get-orders',
])

/** Faults of a moment: where it does not come again, the whole run tells of the effect. */
export const ONCE: ReadonlySet<string> = new Set(['running-orders'])

/** Faults that no sentence of the draft or of HTTP forbids: warnings, and failures by --strict. */
export const HOUSE: ReadonlySet<string> = new Set([
  'reuse-with-location',
  'reuse-asks-for-content',
  'problem-as-text',
  'html-gets-json',
  '409-without-retry-after',
  'get-while-running-200',
  'referrer',
  'spent-allows-post',
  'created-again',
  '409-empty',
  'running-cacheable',
  'vary-accept-missing',
  'sunset',
  'cors-hidden',
  'newer-untold',
  'expired-cacheable',
  'unknown-cacheable',
  'related-without-anchor',
  'client-gone-undone',
])

/** Every wrong server. */
export const ALL_WRONG: readonly Fault[] = [...WRONG, ...WRONG_MORE]

const MEANT = new Map(WRONG_MORE.map(({ name, caughtBy: id }) => [name, [id]]))

/** The checks that decide about a wrong server. */
export function caughtBy(name: string): readonly string[] {
  return CAUGHT_BY[name] ?? MEANT.get(name) ?? []
}

/** The servers that a check alone convicts, in every run. */
export function aloneFor(id: string): string[] {
  return ALL_WRONG.map(({ name }) => name).filter(name => {
    const [only, ...others] = caughtBy(name)
    return only === id && others.length === 0 && !AT_LEAST.has(name) && !ONCE.has(name)
  })
}
