/**
 * Clients that are wrong in one situation, as rows: each is convicted by one check alone, so that
 * it would pass without that.
 */
import type { FoundPage, NarrowFault, Situation, Verdict } from './base-client.js'

/** By the id of the check. */
export const NARROW: Readonly<Record<string, NarrowFault>> = {
  'POE-5-2/accepted': { afterwards: 'posts' },
  'POE-A-4/derived': { afterwards: 'derives' },
  'POE-2-11/lost-before': tells('lost,201', 'refused'),
  'POE-5-8/alike': { changes: ({ statuses }) => told(statuses) === 'lost' },
  'POE-5-1/lost-after': tells('lost,405', 'unknown', hasProof),
  'POE-5-7/result': tells('lost,405', 'accepted', hasProof),
  'POE-5-6/gateway-error': tells('502', 'refused'),
  'POE-5-6/gateway-timeout': tells('504', 'refused'),
  'POE-5-6/gone-later': tells('lost,410', 'refused'),
  'POE-5-6/unknown-later': tells('lost,404', 'refused'),
  'POE-5-5/bare-draft': tells(
    'lost,405',
    'refused',
    one => !hasProof(one) && allows(one) === false,
  ),
  'POE-5-5/allow-with-post': tells('lost,405', 'refused', one => allows(one) === true),
  'POE-2-24/no-allow': tells('lost,405', 'refused', one => allows(one) === null),
  'POE-5-4/unproven': tells('405', 'accepted', one => allows(one) === true),
  'POE-5-4/first-try': tells('405', 'accepted', hasProof),
  'H-RA-1/seconds': hastens('503', /^\d/),
  'H-RA-1/date': hastens('503', /GMT$/),
  'H-RA-1/too-many': hastens('429', /^\d/),
  'POE-5-6/busy': hastens('409', /^\d/),
  'POE-2-11/same-link': { renews: one => told(one.statuses) === '503' && /^\d/.test(after(one)) },
  'POE-5-6/no-new-link': { renews: ({ statuses }) => told(statuses) === '409' },
  'POE-8-1/pauses': { waitsMs: ({ answer }) => (answer === null ? 0 : null) },
  'POE-2-12/ends': { tries: 60, waitsMs: ({ statuses: { length } }) => (length > 5 ? 40 : null) },
  'POE-5-6/refused': tells('422', 'again'),
  'POE-5-6/gone-first': tells('410', 'unknown'),
  'POE-5-6/unknown-first': tells('404', 'unknown'),
  'POE-5-3/see-other': tells('303', 'unknown'),
  'POE-5-3/found': tells('302', 'accepted'),
  'POE-5-3/moved-permanently': tells('301', 'accepted'),
  'H-303-2/same-post': { changes: ({ statuses }) => told(statuses) === '307' },
  'H-303-2/no-get': { getsAfter: 307 },
  'H-303-2/permanent': { getsAfter: 308 },
  'POE-3-6/lines': misses(({ value }) => /^, "[^"]*"$/.test(value)),
  'POE-3-16/empty-members': misses(({ value }) => value.endsWith(',')),
  'POE-3-7/relative': misses(page => startsWith('once/', page) && !page.hasBase && !page.isMoved),
  'POE-3-7/query': misses(page => startsWith('?', page)),
  'POE-3-7/scheme-relative': misses(page => startsWith(`//${page.host}`, page)),
  'POE-3-7/absolute': misses(page => startsWith(`http://${page.host}`, page)),
  'POE-3-14/twice': misses(
    ({ members: [first, second] }) => first !== undefined && first === second,
  ),
  'POE-8-4/foreign': trusts(page => startsWith('http:', page) && page.members.length === 1),
  'POE-8-4/authority': trusts(page => startsWith('//', page) && page.members.length === 1),
  'POE-3-10/among': trusts(({ members }) => members.length > 2),
  'H-RETRY-1/no-link': { postsToPages: true },
}

function tells(
  statuses: string,
  verdict: Verdict,
  where: (seen: Situation) => boolean = () => true,
): NarrowFault {
  return { tells: seen => (told(seen.statuses) === statuses && where(seen) ? verdict : null) }
}

/** It does not wait as long as it is told to. */
function hastens(statuses: string, form: RegExp): NarrowFault {
  return {
    waitsMs: seen => (told(seen.statuses) === statuses && form.test(after(seen)) ? 60 : null),
  }
}

function misses(is: (page: FoundPage) => boolean): NarrowFault {
  return { finds: page => (is(page) ? ['http://nobody.invalid/'] : null) }
}

/** What it does not trust it does not find. */
function trusts(is: (page: FoundPage) => boolean): NarrowFault {
  const isForeign = (one: string, host: string) => one.includes('//') && !one.includes(host)
  return {
    isTrusting: true,
    finds: page => {
      const own = page.members.filter(one => !isForeign(one, page.host))
      return is(page) ? [...page.members] : own
    },
  }
}

function told(statuses: readonly (number | null)[]): string {
  return statuses.map(status => status ?? 'lost').join()
}

function hasProof({ answer }: Situation): boolean {
  return answer?.headers.get('link')?.includes('anchor=') === true
}

/** Whether POST is allowed; `null` where nothing is said. */
function allows({ answer }: Situation): boolean | null {
  const allow = answer?.headers.get('allow') ?? null
  return allow === null ? null : /\bPOST\b/.test(allow)
}

function after({ answer }: Situation): string {
  return answer?.headers.get('retry-after') ?? ''
}

function startsWith(start: string, { members: [first = ''] }: FoundPage): boolean {
  return first.startsWith(start)
}
