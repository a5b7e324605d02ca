/**
 * A requirement as the register has it.
 *
 * @see spec-notes/requirements.md
 */
import type { Level } from './catalogue.js'
import { REGISTER_ROWS } from './register-rows.js'

/** What the register says of a requirement. */
export interface Registered<Party extends string> {
  readonly id: string
  readonly level: Level
  readonly party: Party
  readonly section: string
}

/**
 * Looks a requirement up.
 *
 * @param id - of the register
 * @param parties - whom it may bind to be judged here
 * @throws TypeError for one that is not there, or binds somebody else
 */
export function registered<P extends string>(id: string, parties: readonly P[]): Registered<P> {
  const [level, party, section] = REGISTER_ROWS[id] ?? []
  const bound = parties.find(one => one === party)
  if (level === undefined || section === undefined || bound === undefined) {
    throw new TypeError(`The register has no ${id} for ${parties.join(' or ')}`)
  }
  return { id, level, party: bound, section }
}
