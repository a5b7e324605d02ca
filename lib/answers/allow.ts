/**
 * `Allow` for each state in which an address of ours is found.
 *
 * @see POE draft 2; RFC 9110 10.2.1, 15.5.6
 */

/** At a POE resource. */
export const LINK_ALLOW = {
  unspent: 'POST, OPTIONS',
  unspentWithPage: 'GET, HEAD, POST, OPTIONS',
  busy: 'OPTIONS',
  spent: 'GET, HEAD, OPTIONS',
  over: 'OPTIONS',
} as const

/** At an action. */
export const ACTION_ALLOW = {
  unused: 'PUT, POST, DELETE, OPTIONS',
  busy: 'OPTIONS',
  done: 'GET, HEAD, PUT, POST, DELETE, OPTIONS',
  doneForGood: 'GET, HEAD, PUT, POST, OPTIONS',
  cancelled: 'DELETE, OPTIONS',
  over: 'OPTIONS',
} as const

/** At the policy document. */
export const POLICY_ALLOW = 'GET, HEAD'

/**
 * Gives `Allow` for what was found at a link.
 *
 * @param kind - of the finding
 * @param hasPage - whether GET shows a page before the link is used
 * @returns `null` where the state is not known, or is not told
 */
export function linkAllow(kind: string, hasPage: boolean): string | null {
  switch (kind) {
    case 'spent':
      return LINK_ALLOW.spent
    case 'running':
    case 'undecided':
      return LINK_ALLOW.busy
    case 'unspent':
      return hasPage ? LINK_ALLOW.unspentWithPage : LINK_ALLOW.unspent
    case 'expired':
    case 'forgotten':
      return LINK_ALLOW.over
    default:
      return null
  }
}
