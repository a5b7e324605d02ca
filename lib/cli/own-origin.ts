/**
 * Requests that stay with the origin that was asked: what was given for it, fields and content,
 * goes nowhere else, whatever redirects say.
 */
import { discard, locationOf } from '../client/answer.js'
import type { FetchLike, Journal } from '../client/index.js'
import { Misuse } from './command.js'

const MOST_HOPS = 20
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const BECOMES_GET = new Set([301, 302, 303])

/**
 * `fetch` that follows redirects within an origin only; one that leads elsewhere is the answer.
 *
 * @see RFC 9110 15.4
 */
export const fetchWithinOrigin: FetchLike = async (input, init = {}) => {
  if (input instanceof Request || init.redirect === 'manual') return await fetch(input, init)
  let url = new URL(input)
  let request: RequestInit = { ...init, redirect: 'manual' }
  for (let hop = 0; hop <= MOST_HOPS; hop += 1) {
    const response = await fetch(url, request)
    const target = REDIRECTS.has(response.status) ? locationOf(response, url) : null
    if (target === null || target.origin !== url.origin) return response
    discard(response)
    if (request.method === 'POST' && BECOMES_GET.has(response.status)) {
      request = { ...request, method: 'GET', body: null }
    }
    url = target
  }
  throw new TypeError(`more than ${MOST_HOPS} redirects`)
}

/** Where an answer leads, if that is another origin; else `null`. */
export function elsewhere(answer: Response, asked: URL): URL | null {
  const target = REDIRECTS.has(answer.status) ? locationOf(answer, asked) : null
  return target === null || target.origin === asked.origin ? null : target
}

/**
 * The entries of a journal that lead to one origin; it is as if there were no others.
 *
 * @param journal - all of them
 * @param origin - the one that fields were given for; `null` where none were given
 * @returns the journal itself where no field can go astray
 * @throws Misuse where fields were given and the journal leads to several origins
 */
export async function entriesOf(
  journal: Journal,
  { origin, isGiven }: { readonly origin: string | null; readonly isGiven: boolean },
): Promise<Journal> {
  if (origin === null && !isGiven) return journal
  const all = await journal.list()
  const origins = [...new Set(all.map(({ link }) => new URL(link).origin))]
  if (origin === null && origins.length > 1) {
    throw new Misuse(
      `The journal leads to ${origins.join(' and ')}: say with --origin to which of them the ` +
        'fields go. Nothing was sent.',
    )
  }
  const only = origin ?? origins[0]
  const list = async () => {
    const entries = await journal.list()
    return entries.filter(({ link }) => new URL(link).origin === only)
  }
  return {
    list,
    begin: entry => journal.begin(entry),
    take: id => journal.take(id),
    close: () => journal.close(),
  }
}
