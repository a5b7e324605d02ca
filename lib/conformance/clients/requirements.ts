/**
 * The requirements that a client can be held to from outside, as the register has them.
 *
 * @see spec-notes/requirements.md
 */
import { registered } from '../registered.js'
import type { ClientRequirement } from './scenario.js'

type Row = readonly [id: string, asks: string]

const ROWS: readonly Row[] = [
  ['POE-2-10', 'Further tries go where 307 led.'],
  ['POE-2-11', 'What is indeterminate may be sent again, the same.'],
  ['POE-2-12', 'Retrying is bounded.'],
  ['POE-2-14', 'Giving up is told, as unknown.'],
  ['POE-2-24', 'A 405 without proof is not success.'],
  ['POE-3-2', 'Links have no fragment.'],
  ['POE-3-3', 'An empty field announces nothing.'],
  ['POE-3-4', 'Members are split at commas outside quotes.'],
  ['POE-3-5', 'A backslash spoils its member.'],
  ['POE-3-6', 'Several field lines read as one.'],
  ['POE-3-7', 'References of all forms are links.'],
  ['POE-3-8', 'References resolve against the final URL of the page.'],
  ['POE-3-10', 'The field speaks for its own origin.'],
  ['POE-3-11', 'The field is never sent on requests.'],
  ['POE-3-13', 'Members without quotes are read leniently.'],
  ['POE-3-14', 'Duplicates collapse.'],
  ['POE-3-16', 'Empty members are skipped.'],
  ['POE-4-1', 'Every request says POE: 1.'],
  ['POE-5-1', 'A proven 405 to a further try means accepted earlier.'],
  ['POE-5-2', '2xx means that this try was accepted.'],
  ['POE-5-3', '303 is success; 301 and 302 prove nothing.'],
  ['POE-5-4', 'A 405 to the first try is not success.'],
  ['POE-5-5', 'What proves a 405.'],
  ['POE-5-6', 'What other statuses say of a further try.'],
  ['POE-5-7', 'The result is fetched.'],
  ['POE-5-8', 'Tries are alike, byte for byte.'],
  ['POE-8-1', 'There are pauses between tries.'],
  ['POE-8-2', 'Pauses grow.'],
  ['POE-8-3', 'There is a limit, and then a person decides.'],
  ['POE-8-4', 'Links to other origins are not simply used.'],
  ['POE-A-4', 'Links are taken as they are.'],
  ['H-RETRY-1', 'Only what is known to be safe is repeated.'],
  ['H-303-2', '307 keeps method and content.'],
  ['H-RA-1', 'Retry-After is waited for.'],
  ['H-FRM-1', 'An empty POST says Content-Length: 0.'],
]

/** All requirements, by id. */
export const CLIENT_REQUIREMENTS: ReadonlyMap<string, ClientRequirement> = new Map(
  ROWS.map(([id, asks]) => [id, { ...registered(id, ['client', 'user agent', 'both']), asks }]),
)
