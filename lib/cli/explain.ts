/**
 * `poe explain`: what a rule of the suites asks, why, how it is broken, and how to mend that.
 *
 * @see docs/checks.md
 */
import {
  DOOR_CHECKS,
  DOORS,
  EXPLANATIONS,
  type Explanation,
  pageOf,
  SCENARIOS,
} from '../conformance/index.js'
import { inColumns } from './check-report.js'
import { type Command, Misuse } from './command.js'

const WIDTH = 78
const HELP = `\
Usage: poe explain [<id>...]

Tells what a rule of \`poe check\` and \`poe check-client\` asks, why it matters, how it is broken,
and how to mend that. An id is that of a rule (POE-2-4) or of a check (POE-2-4/reuse), as
reports have them. Without an id all rules are listed.

Exit 0: told. 2: there is no such id.`

/** The command. */
export const EXPLAIN: Command = {
  name: 'explain',
  summary: 'tell what a rule asks and how to mend it',
  help: HELP,
  async run(args, terminal) {
    const option = args.find(arg => arg.startsWith('-'))
    if (option !== undefined) throw new Misuse(`There is no option ${option}.`)
    if (args.length === 0) terminal.out(listOfRules())
    else terminal.out(args.map(explained).join('\n\n'))
    return 0
  },
}

function listOfRules(): string {
  const rules = [...EXPLANATIONS.values()]
  return inColumns(rules.map(({ id, level, section, sentence }) => [id, level, section, sentence]))
}

function explained(id: string): string {
  const check = allChecks().find(one => one.id.toUpperCase() === id.toUpperCase())
  const rule = (check?.id ?? id).split('/')[0]?.toUpperCase() ?? ''
  const explanation = EXPLANATIONS.get(rule) ?? EXPLANATIONS.get(lowered(rule))
  if (explanation === undefined || (id.includes('/') && check === undefined)) {
    throw new Misuse(`There is no rule and no check '${id}'. \`poe explain\` lists the rules.`)
  }
  const parts = [
    headOf(explanation),
    ...(check === undefined ? [] : [`${check.id}: ${check.title}`]),
  ]
  const { why, wrong, mend } = explanation
  return [
    ...parts,
    told('Why it matters', check === undefined ? why : `${why} ${check.why}`),
    told('How it is broken', wrong),
    told('How to mend it', mend),
    `More: ${pageOf(explanation.id)}`,
  ].join('\n\n')
}

/** `IK-x-1` is the one id with a small letter. */
function lowered(rule: string): string {
  return rule.replace('-X-', '-x-')
}

function allChecks() {
  return [...DOORS.flatMap(door => DOOR_CHECKS[door]), ...SCENARIOS.flatMap(({ checks }) => checks)]
}

function headOf({ id, level, party, section, sentence }: Explanation): string {
  const whom = party === 'both' ? 'servers and clients' : `${party}s`
  return `${id}: ${sentence}\n${level}, for ${whom} (${section})`
}

function told(heading: string, text: string): string {
  const lines: string[] = []
  let line = ' '
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line)
      line = ' '
    }
    line += ` ${word}`
  }
  return [`${heading}:`, ...lines, line].join('\n')
}
