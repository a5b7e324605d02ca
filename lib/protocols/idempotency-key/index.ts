/**
 * Idempotency-Key and its relatives: reading, rules and spelling; no I/O.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07
 */

export { canonicalForm, canonicalJson, parseJson, spelledJson } from './canonical.js'
export { readContentDigest } from './content-digest.js'
export { KEY_LIMIT, type KeySyntax, readKey, WANTED } from './key.js'

export {
  KEY_PROFILES,
  type KeptAnswers,
  type KeyProfile,
  type KeyProfileName,
  keepsRefusal,
} from './profiles.js'
export { type NameReading, type NameRules, readName } from './request-name.js'
