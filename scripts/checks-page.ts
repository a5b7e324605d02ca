/**
 * docs/checks.md, made of the explanations of the suites' rules. With `--write` it is put there:
 *
 *     node --import ./scripts/typescript.mjs scripts/checks-page.ts --write
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  DOOR_CHECKS,
  DOORS,
  EXPLANATIONS,
  type Explanation,
  SCENARIOS,
} from 'post-once-exactly/conformance'

/** Where the page is. */
export const CHECKS_PAGE: URL = new URL('../docs/checks.md', import.meta.url)

const HEAD = `\
# The rules, and how to mend what breaks them

What each rule of \`poe check\` and \`poe check-client\` asks, why that matters, how it is broken as
a rule, and how to mend that. Reports name the rules by these ids, and \`poe explain POE-2-4\` says
the same. This page is made of \`lib/conformance/explanations\`, by \`scripts/checks-page.ts\`.
`

/** The page as it has to be. */
export function checksPage(): string {
  return [HEAD, ...[...EXPLANATIONS.values()].map(sectionOf)].join('\n')
}

function sectionOf({ id, level, party, section, sentence, why, wrong, mend }: Explanation): string {
  const whom = party === 'both' ? 'servers and clients' : `${party}s`
  const checks = [
    ...DOORS.flatMap(door => DOOR_CHECKS[door]),
    ...SCENARIOS.flatMap(scenario => scenario.checks),
  ].filter(check => check.id.startsWith(`${id}/`))
  const names = checks.map(check => `\`${check.id.slice(id.length + 1)}\` ${check.title}`)
  return [
    `## ${id}\n`,
    `**${sentence}** ${level}, for ${whom}: ${section}.\n`,
    `- Why it matters: ${why}`,
    `- How it is broken: ${wrong}`,
    `- How to mend it: ${mend}`,
    `- Checks: ${names.join('; ')}.\n`,
  ].join('\n')
}

if (
  import.meta.url === pathToFileURL(process.argv[1] ?? '').href &&
  process.argv[2] === '--write'
) {
  writeFileSync(CHECKS_PAGE, checksPage())
}
