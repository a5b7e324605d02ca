/**
 * Which response fields an outcome keeps.
 *
 * @see POE draft 2 (a later GET gives the entity that answered the POST)
 */

/** The representation fields that are recorded with every outcome. */
const ALWAYS = [
  'content-type',
  'content-language',
  'content-encoding',
  'content-disposition',
  'content-location',
  'etag',
  'last-modified',
  'link',
  'location',
  'vary',
  // What makes the content safe to show: without them, a page is another one.
  'content-security-policy',
  'content-security-policy-report-only',
  'x-content-type-options',
  'x-frame-options',
  'x-xss-protection',
  'x-permitted-cross-domain-policies',
  'x-download-options',
  'x-robots-tag',
  'permissions-policy',
  'referrer-policy',
  'origin-agent-cluster',
  'cross-origin-opener-policy',
  'cross-origin-opener-policy-report-only',
  'cross-origin-embedder-policy',
  'cross-origin-embedder-policy-report-only',
  'cross-origin-resource-policy',
  'timing-allow-origin',
]

/** Fields that belong to one exchange or one person: never recorded. */
const NEVER = new Set([
  ...['set-cookie', 'set-cookie2', 'www-authenticate', 'authentication-info'],
  ...['proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization', 'proxy-connection'],
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['date', 'age', 'content-length', 'cache-control', 'vary', 'allow', 'poe-links'],
])

/**
 * Gives the fields that are recorded, names in lower case.
 *
 * @param more - those that an application wants besides
 * @throws TypeError for one that cannot be
 */
export function recordedFields(where: string, more: readonly string[]): readonly string[] {
  if (!Array.isArray(more) || more.some(name => typeof name !== 'string')) {
    throw new TypeError(`${where}: recordedFields must be a list of names, such as ['X-Total']`)
  }
  const names = more.map(name => name.toLowerCase())
  const at = names.findIndex(name => NEVER.has(name))
  if (at === -1) return [...ALWAYS, ...names]
  throw new TypeError(`${where}: ${more[at]} belongs to one exchange and cannot be recorded`)
}
