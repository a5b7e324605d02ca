/**
 * Writes the table of the guide to the situations, `docs/situations.md`:
 *
 *     node --import ts-blank-space/register -C @post-once-exactly/source test/doors/write-table.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { situationTable } from './expected.js'

const GUIDE = new URL('../../docs/situations.md', import.meta.url)

const text = readFileSync(GUIDE, 'utf8')
const [before = ''] = text.split('\n| what happens')
writeFileSync(GUIDE, `${before.trimEnd()}\n\n${situationTable()}\n`)
