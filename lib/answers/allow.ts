/**
 * `Allow` for each state in which an address of ours is found.
 *
 * @see POE draft 2; RFC 9110 10.2.1, 15.5.6
 */

/** At a POE resource that was found so. */
const LINK_ALLOW: Readonly<Record<string, string>> = {
  unspent: 'POST, OPTIONS',
  running: 'OPTIONS',
  undecided: 'OPTIONS',
  spent: 'GET, HEAD, OPTIONS',
  expired: 'OPTIONS',
  forgotten: 'OPTIONS',
}

/** At an action that was found so, or is so by now. */
export const ACTION_ALLOW = {
  unused: 'PUT, POST, DELETE, OPTIONS',
  running: 'OPTIONS',
  undecided: 'OPTIONS',
  done: 'GET, HEAD, PUT, POST, DELETE, OPTIONS',
  doneForGood: 'GET, HEAD, PUT, POST, OPTIONS',
  cancelled: 'DELETE, OPTIONS',
  expired: 'OPTIONS',
  forgotten: 'OPTIONS',
} as const

/** At the policy document. */
export const POLICY_ALLOW = 'GET, HEAD'

/**
 * Gives `Allow` for what was found at a link; `null` where the state is not known, or is not told.
 * `hasPage`: GET shows a page before the link is used.
 */
export function linkAllow(kind: string, hasPage: boolean): string | null {
  const allowed = LINK_ALLOW[kind] ?? null
  return kind === 'unspent' && hasPage ? `GET, HEAD, ${allowed}` : allowed
}
