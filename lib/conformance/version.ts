/**
 * Which version this is.
 */
import { readFileSync } from 'node:fs'

/** The version of this package. */
export function packageVersion(): string {
  // The same place relative to the sources and to what is built of them.
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}
