/**
 * lib/conformance/register-rows.ts, made of the register of requirements. With `--write` it is put
 * there:
 *
 *     node --import ./scripts/typescript.mjs scripts/register-rows.ts --write
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const REGISTER = new URL('../spec-notes/requirements.md', import.meta.url)
/** Where the rows are. */
export const REGISTER_ROWS: URL = new URL('../lib/conformance/register-rows.ts', import.meta.url)

const HEAD = `\
/**
 * What the register says of each requirement that somebody can be held to from outside. Made of
 * spec-notes/requirements.md by scripts/register-rows.ts: mend it there.
 */
import type { Level } from './catalogue.js'

type Party = 'server' | 'client' | 'user agent' | 'both'

/** By id: the word of the document, whom it binds, and where it stands. */
export const REGISTER_ROWS: Readonly<
  Record<string, readonly [level: Level, party: Party, section: string]>
> = {
`

/** The file as it has to be. */
export function registerRows(): string {
  const rows = readFileSync(REGISTER, 'utf8')
    .split('\n')
    .filter(line => /^\| (?:POE|H|IK)-[^|]*\d \|/.test(line))
    .map(line => line.split('|').map(cell => cell.trim()))
    .map(([, id = '', level = '', party = '', section = '']) => {
      const cells = [level, party, withDraft(id, section)].map(cell => `'${cell}'`)
      return `  '${id}': [${cells.join(', ')}],\n`
    })
  return `${HEAD}${rows.join('')}}\n`
}

/** In the register a bare number is a section of the draft. */
function withDraft(id: string, section: string): string {
  if (id.startsWith('IK-')) return `Idempotency-Key draft ${section}`
  return section.startsWith('RFC') ? section : `POE draft ${section}`
}

if (
  import.meta.url === pathToFileURL(process.argv[1] ?? '').href &&
  process.argv[2] === '--write'
) {
  writeFileSync(REGISTER_ROWS, registerRows())
}
