/**
 * POST Once Exactly as a protocol: its two fields, and the link tokens of this implementation.
 *
 * Needs Node for the tokens; browsers take `field.js` and `links.js` by themselves.
 *
 * @see POE draft 3, 4, 8
 */
export { formatPoe, type ParsePoeOptions, parsePoe } from './field.js'
export {
  type DroppedPoeLink,
  formatPoeLinks,
  type ParsePoeLinksOptions,
  POE_LINKS_LIMIT_CHARS,
  POE_LINKS_LIMIT_MEMBERS,
  type PoeLink,
  type PoeLinkDeviation,
  type PoeLinkDropReason,
  type PoeLinksReading,
  parsePoeLinks,
  type ResolvePoeLinksOptions,
  resolvePoeLinks,
} from './links.js'
export { principalDigest } from './principal.js'
export {
  exportSecret,
  importSecret,
  type Keyring,
  keyring,
  makeSecret,
  type PortableSecret,
  type Secret,
  secretFromText,
} from './secret.js'
export {
  isTokenShaped,
  makeNonce,
  mintToken,
  type ParsedToken,
  readToken,
  recordKey,
  TOKEN_LENGTH,
  type TokenScope,
  verifyToken,
} from './token.js'
