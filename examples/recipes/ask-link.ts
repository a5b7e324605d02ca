/**
 * What a recipe asks a link, and what the answers say. It runs in browsers, too.
 */

/** How long one try may take, in milliseconds. */
export const TRY_MS = 30_000

/** An answer in the form that is judged, whatever the helper calls its parts. */
export interface Reply {
  readonly status: number
  /** `null` where it broke off. */
  readonly text: string | null
  readonly headers: { get(name: string): string | null }
}

/** What a link says of itself. */
export type Asked =
  | { readonly kind: 'spent'; readonly text: string | null; readonly at: string }
  | { readonly kind: 'unspent' | 'unclear' }

/**
 * Asks a link by GET what became of it.
 *
 * It is spent where it gives a result, takes no POST, and a link beside it that nobody has made
 * gives none: else a front that answers every GET would prove everything.
 *
 * @param refusal - the answer to the POST
 * @returns never throws: what cannot be asked is unclear
 */
export async function askLink(
  link: string,
  refusal: Pick<Reply, 'headers'> | null,
): Promise<Asked> {
  const beside = new URL(link)
  beside.pathname += '-unmade'
  try {
    const result = await get(link)
    const takesPost = allowsPost(result)
    if (result.status === 405 && takesPost === true) return { kind: 'unspent' }
    const isUsed = takesPost === false || (takesPost === null && allowsPost(refusal) === false)
    if (!result.ok || !isUsed || (await get(beside)).ok) return { kind: 'unclear' }
    const text = await result.text().catch(() => null)
    return { kind: 'spent', text, at: result.url }
  } catch {
    return { kind: 'unclear' }
  }
}

/**
 * Whether the POST that a 405 tells of was this one; `null` where nobody knows. A server that does
 * not say it means an earlier try, where there was one.
 */
export function saysOwn(reply: Reply | null, mayHaveArrived: boolean): boolean | null {
  // What it says has not come.
  if (reply === null || reply.text === null) return null
  const [, own] = /"payloadMatches": ?(true|false)/.exec(reply.text) ?? []
  if (own !== undefined) return own === 'true'
  return mayHaveArrived ? true : null
}

/** A `Response` as a reply. */
export async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text().catch(() => null)
  return { status: response.status, headers: response.headers, text }
}

/** Whether `Allow` offers POST; `null` where it does not say. */
export function allowsPost(reply: Pick<Reply, 'headers'> | null): boolean | null {
  const allow = reply?.headers.get('allow') ?? null
  return allow === null ? null : allow.split(/\s*,\s*/).includes('POST')
}

async function get(url: string | URL): Promise<Response> {
  return await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(TRY_MS) })
}
