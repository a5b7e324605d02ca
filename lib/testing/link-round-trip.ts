/**
 * Follows the links of a page as a client would: the check that finds a forgotten mount prefix.
 *
 * A link that was made without the prefix looks right on the page and leads nowhere.
 *
 * @see POE draft 3
 */
import { parsePoeLinks, resolvePoeLinks } from '../protocols/poe/links.js'

/** How long each request may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000

/** One link of the page, as tried. */
export interface LinkTried {
  /** The link, resolved against the page's final URL. */
  readonly url: string
  /** The status that OPTIONS got; `null` where it was not sent or not answered. */
  readonly status: number | null
  /** The methods in `Allow`, in capitals. */
  readonly allow: readonly string[]
  /** What is wrong with it, for people; `null` if POST is allowed there. */
  readonly problem: string | null
}

/** What {@link checkLinkRoundTrip} found. */
export interface LinkRoundTrip {
  /** The page's URL after redirects. */
  readonly pageUrl: string
  readonly status: number
  readonly links: readonly LinkTried[]
  /** Everything that is wrong, for people; empty if every link leads to a POE resource. */
  readonly problems: readonly string[]
}

/**
 * Gets a page with `POE: 1`, resolves each member of its `POE-Links` against its final URL and
 * sends OPTIONS there. No POST is sent and no link is used up. A page without links is a problem,
 * and so is a link to another origin (which is not contacted).
 *
 * @param pageUrl - an absolute URL of a page that hands out links
 * @param fetchLike - the `fetch` to use; wrap it to add a cookie or a login
 * @returns what was tried and what is wrong
 * @throws whatever `fetchLike` throws for the page itself
 * @see POE draft 3
 */
export async function checkLinkRoundTrip(
  pageUrl: string | URL,
  fetchLike: typeof fetch = fetch,
): Promise<LinkRoundTrip> {
  const page = await fetchLike(pageUrl, {
    headers: { POE: '1' },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  })
  await page.body?.cancel()
  const base = new URL(page.url || pageUrl)
  const value = page.headers.get('POE-Links')
  const links: LinkTried[] = []
  for (const url of resolvePoeLinks(value, base, { origins: 'any' })) {
    links.push(await tryLink(url, base, fetchLike))
  }
  const problems = parsePoeLinks(value).dropped.map(
    ({ text, reason }) => `the POE-Links member ${text} cannot be used (${reason})`,
  )
  for (const { url, problem } of links) if (problem !== null) problems.push(`${url} ${problem}`)
  if (links.length === 0) {
    problems.push(`${base.href} answered ${page.status} and has no POE-Links that can be followed`)
  }
  return { pageUrl: base.href, status: page.status, links, problems }
}

async function tryLink(url: string, page: URL, fetchLike: typeof fetch): Promise<LinkTried> {
  const untried = { url, status: null, allow: [] }
  if (new URL(url).origin !== page.origin) return { ...untried, problem: 'is of another origin' }
  let response: Response
  try {
    response = await fetchLike(url, {
      method: 'OPTIONS',
      headers: { POE: '1' },
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    await response.body?.cancel()
  } catch (error) {
    return { ...untried, problem: `did not answer OPTIONS: ${error}` }
  }
  const { status } = response
  const allow = (response.headers.get('Allow') ?? '')
    .toUpperCase()
    .split(/[\s,]+/)
    .filter(Boolean)
  if (status < 300 && allow.includes('POST')) return { url, status, allow, problem: null }
  const told = allow.length === 0 ? 'no Allow' : `Allow: ${allow.join(', ')}`
  const problem = `answers OPTIONS with ${status} and ${told}; does the link lack a mount prefix?`
  return { url, status, allow, problem }
}
