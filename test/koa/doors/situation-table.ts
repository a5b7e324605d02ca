/**
 * The table of `docs/situations.md`, made of what is expected. With `--write` it is put there:
 *
 *     node --import ./scripts/typescript.mjs \\
 *       test/koa/doors/situation-table.ts --write
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expectedAt } from './expected.js'
import { DOORS } from './operations.js'
import { OUTAGES } from './outages.js'
import { SITUATIONS } from './situations.js'

const GUIDE = new URL('../../../docs/situations.md', import.meta.url)

/** The guide as it is. */
export function guide(): string {
  return readFileSync(GUIDE, 'utf8')
}

/** The guide's table: a row a situation, a column a door. */
export function situationTable(): string {
  const head = ['what happens', ...DOORS]
  const rows = [...SITUATIONS, ...OUTAGES].map(({ id, title }) => [
    title,
    ...DOORS.map(door => expectedAt(id, door).replace(/; 1 effect$/, '')),
  ])
  const lines = [head, head.map(() => '---'), ...rows]
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

if (process.argv.includes('--write')) {
  const [before = ''] = guide().split('\n| what happens')
  writeFileSync(GUIDE, `${before.trimEnd()}\n\n${situationTable()}\n`)
}
