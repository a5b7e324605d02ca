/**
 * The table of `docs/check-client.md`, made of the scenarios. With `--write` it is put there:
 *
 *     node --import ./scripts/typescript.mjs \\
 *       test/conformance/clients/scenario-table.ts --write
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { CLIENT_REQUIREMENTS, SCENARIOS } from 'post-once-exactly/conformance'

const GUIDE = new URL('../../../docs/check-client.md', import.meta.url)
const MARKS = ['<!-- scenarios -->', '<!-- /scenarios -->'] as const

/** The guide as it is. */
export function guide(): string {
  return readFileSync(GUIDE, 'utf8')
}

/** The guide with the table as it has to be. */
export function withTable(text: string): string {
  const [start, end] = MARKS.map(mark => text.indexOf(mark)) as [number, number]
  if (start < 0 || end < start) throw new Error(`the guide lacks ${MARKS.join(' and ')}`)
  return `${text.slice(0, start)}${MARKS[0]}\n${tableOfScenarios()}\n${text.slice(end)}`
}

function tableOfScenarios(): string {
  const rows = SCENARIOS.flatMap(({ name, checks }) =>
    checks.map(({ id, title, warns = false }, index) => {
      const level = CLIENT_REQUIREMENTS.get(id.split('/')[0] ?? '')?.level ?? ''
      const weight = warns ? `${level}; a warning` : level
      return `| ${index === 0 ? name : ''} | ${title} | ${id} | ${weight} |`
    }),
  )
  return ['| what happens | what is asked | id | level |', '|---|---|---|---|', ...rows].join('\n')
}

if (process.argv.includes('--write')) writeFileSync(GUIDE, withTable(guide()))
