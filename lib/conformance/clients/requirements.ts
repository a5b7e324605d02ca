/**
 * The requirements that a client can be held to from outside, as the register has them.
 *
 * @see spec-notes/requirements.md
 */
import type { ClientRequirement } from './scenario.js'

type Party = ClientRequirement['party']
type Row = readonly [
  id: string,
  level: ClientRequirement['level'],
  party: Party,
  section: string,
  asks: string,
]

const ROWS: readonly Row[] = [
  ['POE-2-10', 'MAY', 'both', 'POE draft 2', 'Further tries go where 307 led.'],
  [
    'POE-2-11',
    'MAY',
    'client',
    'POE draft 2',
    'What is indeterminate may be sent again, the same.',
  ],
  ['POE-2-12', 'MUST NOT', 'client', 'POE draft 2', 'Retrying is bounded.'],
  ['POE-2-14', 'MUST', 'user agent', 'POE draft 2', 'Giving up is told, as unknown.'],
  ['POE-2-24', 'implied', 'client', 'POE draft 2', 'A 405 without proof is not success.'],
  ['POE-3-2', 'fact', 'both', 'POE draft 3', 'Links have no fragment.'],
  ['POE-3-3', 'fact', 'both', 'POE draft 3', 'An empty field announces nothing.'],
  ['POE-3-4', 'implied', 'client', 'POE draft 3', 'Members are split at commas outside quotes.'],
  ['POE-3-5', 'implied', 'client', 'POE draft 3', 'A backslash spoils its member.'],
  ['POE-3-6', 'implied', 'client', 'POE draft 3; RFC 9110 5.3', 'Several field lines read as one.'],
  ['POE-3-7', 'fact', 'client', 'POE draft 3', 'References of all forms are links.'],
  [
    'POE-3-8',
    'open',
    'client',
    'POE draft 3',
    'References resolve against the final URL of the page.',
  ],
  ['POE-3-10', 'fact', 'both', 'POE draft 3, 8', 'The field speaks for its own origin.'],
  ['POE-3-11', 'open', 'both', 'POE draft 3', 'The field is never sent on requests.'],
  ['POE-3-13', 'implied', 'client', 'POE draft 3', 'Members without quotes are read leniently.'],
  ['POE-3-14', 'implied', 'client', 'POE draft 3', 'Duplicates collapse.'],
  ['POE-3-16', 'implied', 'both', 'POE draft 3; RFC 9110 5.6.1', 'Empty members are skipped.'],
  ['POE-4-1', 'SHOULD', 'client', 'POE draft 4', 'Every request says POE: 1.'],
  [
    'POE-5-1',
    'implied',
    'client',
    'POE draft 5',
    'A proven 405 to a further try means accepted earlier.',
  ],
  ['POE-5-2', 'implied', 'client', 'POE draft 5', '2xx means that this try was accepted.'],
  ['POE-5-3', 'implied', 'client', 'POE draft 5', '303 is success; 301 and 302 prove nothing.'],
  ['POE-5-4', 'open', 'client', 'POE draft 5', 'A 405 to the first try is not success.'],
  ['POE-5-5', 'implied', 'client', 'POE draft 5', 'What proves a 405.'],
  ['POE-5-6', 'implied', 'client', 'POE draft 5', 'What other statuses say of a further try.'],
  ['POE-5-7', 'implied', 'client', 'POE draft 5', 'The result is fetched.'],
  ['POE-5-8', 'implied', 'client', 'POE draft 5', 'Tries are alike, byte for byte.'],
  ['POE-8-1', 'implied MUST', 'client', 'POE draft 8', 'There are pauses between tries.'],
  ['POE-8-2', 'implied MUST', 'client', 'POE draft 8', 'Pauses grow.'],
  [
    'POE-8-3',
    'implied MUST',
    'client',
    'POE draft 8',
    'There is a limit, and then a person decides.',
  ],
  [
    'POE-8-4',
    'implied MUST',
    'client',
    'POE draft 8',
    'Links to other origins are not simply used.',
  ],
  ['POE-A-4', 'fact', 'client', 'POE draft appendix A', 'Links are taken as they are.'],
  [
    'H-RETRY-1',
    'SHOULD NOT',
    'client',
    'RFC 9110 9.2.2',
    'Only what is known to be safe is repeated.',
  ],
  ['H-303-2', 'fact', 'both', 'RFC 9110 15.4.8, 15.4.9', '307 keeps method and content.'],
  ['H-RA-1', 'implied', 'both', 'RFC 9110 10.2.3', 'Retry-After is waited for.'],
  ['H-FRM-1', 'implied', 'client', 'RFC 9112 6', 'An empty POST says Content-Length: 0.'],
]

/** All requirements, by id. */
export const CLIENT_REQUIREMENTS: ReadonlyMap<string, ClientRequirement> = new Map(
  ROWS.map(([id, level, party, section, asks]) => [id, { id, level, party, section, asks }]),
)
