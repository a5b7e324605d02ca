/**
 * The requirements of the sibling schemes: rows of the register, and failure cases where nobody has
 * written the rule down.
 *
 * @see spec-notes/requirements.md, spec-notes/cases.md
 */
import type { Level, Profile, Requirement } from '../catalogue.js'
import { registered } from '../registered.js'

/** What the register has is not said twice; failure cases have no level there. */
type Row =
  | readonly [id: string, asks: string]
  | readonly [id: string, level: Level, section: string, asks: string]

const CORE: readonly Row[] = [
  ['IK-1-1', 'An operation takes effect once, races included.'],
  ['IK-2.5.2-1', 'The rules are published.'],
  ['IK-2.7-6', 'What is not corrected fails in the same way again.'],
  ['ACT-01', 'implied MUST', 'action ids', 'Ids are issued, used once and answered alike.'],
  ['ACT-03', 'implied MUST', 'action ids', 'An empty last segment is no id.'],
  ['ACT-05', 'implied MUST', 'action ids', 'What was called off is never done.'],
  ['COND-01', 'implied MUST', 'RFC 9110 13.1.1', 'If-Match is true of the current state only.'],
  ['COND-03', 'implied MUST', 'RFC 9110 13.1.2', 'If-None-Match is false of what exists.'],
  ['COND-05', 'implied MUST', 'RFC 9110 13.2; RFC 6585 3', 'Conditions come in their order.'],
  ['H-428-1', '428 explains itself and is never cached.'],
]

const FULL: readonly Row[] = [
  ['IK-2.6-1', 'A first request is done as usual.'],
  ['IK-2.6-2', 'A repeat is told the stored result.'],
  ['IK-2.6-3', 'A repeat during the run is a conflict.'],
  ['IK-2.7-1', 'A missing key is 400, with a way to the rules.'],
  ['IK-2.7-2', 'The same key with other content is 422.'],
  ['IK-2.7-3', 'A 409 explains itself.'],
]

const SAFE: readonly Row[] = [
  ['IK-2.1-2', 'What does not parse counts as absent.'],
  ['IK-2.1-3', 'Parameters are no part of the key.'],
  ['IK-2.1-4', 'A bare key equals its quoted form.'],
  ['IK-2.1-5', 'Keys have 1 to 255 characters.'],
  ['IK-2.7-4', 'Refusals explain themselves.'],
  ['IK-5-2', 'Keys are validated before anything is looked up.'],
  ['IK-5-3', 'A key counts for its principal and its operation.'],
  ['IK-5-4', "Nobody gets another caller's answer."],
  ['IK-5-5', 'A replay sets no cookie.'],
  ['IK-x-1', 'What the draft leaves to the server.'],
]

/** All of them, by id. */
export const DOOR_REQUIREMENTS: ReadonlyMap<string, Requirement> = new Map([
  ...CORE.map(row => entry('core', row)),
  ...FULL.map(row => entry('full', row)),
  ...SAFE.map(row => entry('safe', row)),
])

function entry(profile: Profile, row: Row): readonly [string, Requirement] {
  const [id] = row
  if (row.length === 2)
    return [id, { ...registered(id, ['server', 'both']), asks: row[1], profile }]
  const [, level, section, asks] = row
  return [id, { id, level, party: 'server', section, asks, profile }]
}
