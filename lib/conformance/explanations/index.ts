/**
 * What each rule of the suites asks, why it matters, how it is broken as a rule, and how to mend
 * that. `poe explain`, the pages of reports and docs/checks.md are made of it.
 */

import { DOOR_REQUIREMENTS } from '../checks/index.js'
import { REQUIREMENTS } from '../checks/poe/requirements.js'
import { CLIENT_REQUIREMENTS } from '../clients/requirements.js'
import { ANSWERS } from './answers.js'
import { CLIENTS } from './clients.js'
import { FIELDS } from './fields.js'
import { LINKS_ONCE } from './links-once.js'
import { SIBLINGS } from './siblings.js'
import type { Why } from './why.js'

/** Everything that is told of a rule. */
export interface Explanation extends Why {
  readonly id: string
  readonly level: string
  /** The document and its section. */
  readonly section: string
  readonly party: 'server' | 'client' | 'user agent' | 'both'
  /** The rule, in a sentence; where it binds both sides, one for each. */
  readonly sentence: string
}

const WHYS: Readonly<Record<string, Why>> = {
  ...LINKS_ONCE,
  ...ANSWERS,
  ...FIELDS,
  ...CLIENTS,
  ...SIBLINGS,
}

const RULES = [REQUIREMENTS, CLIENT_REQUIREMENTS, DOOR_REQUIREMENTS] as const

/** All of them, by id: POE's for servers, then for clients, then those of its siblings. */
export const EXPLANATIONS: ReadonlyMap<string, Explanation> = new Map(
  [...new Set(RULES.flatMap(rules => [...rules.keys()]))]
    .flatMap(id => explanationOf(id) ?? [])
    .map(one => [one.id, one]),
)

/** Where docs/checks.md tells of a rule. */
export function pageOf(id: string): string {
  return `docs/checks.md#${id.toLowerCase().replaceAll('.', '')}`
}

function explanationOf(id: string): Explanation | null {
  const found = RULES.flatMap(rules => rules.get(id) ?? [])
  const [rule] = found
  const told = WHYS[id]
  if (rule === undefined || told === undefined) return null
  const { level, party, section } = rule
  const sentence = [...new Set(found.map(({ asks }) => asks))].join(' ')
  return { id, level, section, party, sentence, ...told }
}
