/**
 * Idempotency-Key and its relatives: reading, rules and spelling; no I/O.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07
 */
export { canonicalForm, canonicalJson, parseJson } from './canonical.js'
export {
  type ClaimedDigest,
  DIGEST_ALGORITHMS,
  type DigestAlgorithm,
  readContentDigest,
} from './content-digest.js'
export { CLOCK_SKEW_MS, type FirstSent, judgeFirstSent } from './first-sent.js'
export { KEY_LIMIT, type KeyReading, type KeySyntax, readKey, WANTED } from './key.js'
export {
  KEY_PROFILES,
  type KeptAnswers,
  type KeyProfile,
  type KeyProfileName,
  keepsRefusal,
} from './profiles.js'
