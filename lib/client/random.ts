/**
 * Random names, where `crypto.randomUUID` may be missing: on pages that did not come by https.
 */

/** 128 random bits, as 32 hexadecimal digits. */
export function randomHex(): string {
  return hexOf(crypto.getRandomValues(new Uint8Array(16)))
}

/** Bytes as hexadecimal digits, two each. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/** A UUID of version 4; `crypto.randomUUID` is not there on pages that did not come by https. */
export function randomUuid(): string {
  return randomHex().replace(/^(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-a$4-')
}
