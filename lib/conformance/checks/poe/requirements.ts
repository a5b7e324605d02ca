/**
 * The requirements that a server can be held to from outside, as the register has them.
 *
 * @see spec-notes/requirements.md
 */
import type { Profile, Requirement } from '../../catalogue.js'
import { registered } from '../../registered.js'

type Row = readonly [id: string, asks: string]

const CORE: readonly Row[] = [
  ['POE-2-1', 'After one success no other POST is ever answered 2xx.'],
  ['POE-2-2', 'The effect happens at most once, races included.'],
  ['POE-2-5', 'Allow at a spent resource leaves POST out.'],
  ['POE-2-6', 'A 405 carries Allow.'],
  ['POE-3-1', 'Links are quoted, in ASCII and percent-encoded.'],
  ['POE-3-2', 'Links have no fragment.'],
  ['POE-3-3', 'Nothing to announce means no field.'],
  ['H-405-1', 'Every 405 carries Allow.'],
  ['H-412-2', 'Preconditions count where the answer would be 2xx or 412.'],
]

const FULL: readonly Row[] = [
  ['POE-2-4', 'A POST to a spent resource is answered 405.'],
  ['POE-2-7', 'A later GET gives the content of the answer.'],
  ['POE-2-8', 'GET gives what a cache would give.'],
  ['POE-2-9', 'After a redirect GET leads to the same place.'],
  ['POE-3-9', 'Announced links stand in the content.'],
  ['POE-4-6', 'Vary: POE where the field decides.'],
  ['H-409-1', 'A 409 explains itself.'],
  ['H-HEAD-1', 'HEAD is GET without its content.'],
  ['H-VARY-1', 'Vary names the fields that chose the answer.'],
]

const SAFE: readonly Row[] = [
  ['POE-1-1', 'Only POST uses the resource up.'],
  ['POE-1-3', 'Clients that never heard of POE are protected alike.'],
  ['POE-2-3', 'A POST that failed leaves the resource unspent.'],
  ['POE-2-15', 'A second POST meanwhile is neither 2xx nor 405.'],
  ['POE-2-16', 'GET and HEAD change nothing, and tell before from after.'],
  ['POE-2-17', 'Other methods are no way in.'],
  ['POE-2-18', 'Unknown, expired and forgotten links never run.'],
  ['POE-2-20', 'A crash leads to no second effect and no false word.'],
  ['POE-2-21', 'A repeat with other content is 405, too.'],
  ['POE-2-22', 'A client that leaves undoes nothing.'],
  ['POE-2-23', 'Other spellings of a URI are no second resource.'],
  ['POE-3-10', 'The field speaks for its own origin.'],
  ['POE-3-16', 'No empty members are sent.'],
  ['POE-3-18', 'A 304 revives no link.'],
  ['POE-3-19', 'POE-Links is exposed to scripts that may read the page.'],
  ['POE-4-4', 'POE changes no guarantee and causes no refusal.'],
  ['POE-4-5', 'A newer client speaks this version, too.'],
  ['POE-6-2', 'A person can read whether it happened.'],
  ['POE-8-5', 'Links cannot be guessed, used or burnt by others.'],
  ['POE-A-1', 'Effect and mark stand or fall together.'],
  ['POE-A-2', 'No URI is issued twice.'],
  ['H-405-2', 'Allow tells the state at the time of the request.'],
  ['H-POST-1', 'A POST answer is cached by rule or not at all.'],
  ['H-LOC-1', 'No refusal carries Location.'],
  ['H-LOC-2', 'A recorded 201 is shown by GET as 200.'],
  ['H-RA-1', '"Not now" says when.'],
  ['H-410-1', 'What is said of an expired link is not kept.'],
  ['H-OPT-1', 'OPTIONS tells the methods of the present state.'],
  ['H-CACHE-1', 'No cache hands one link to two people.'],
  ['H-CACHE-2', 'GET before use is not kept.'],
  ['H-CACHE-3', 'Answers at a POE resource are not kept.'],
  ['H-LINK-1', 'A link in an error names its context.'],
  ['H-PROB-1', 'Refusals are problem documents.'],
  ['H-SUN-1', 'Sunset on a page speaks of the page.'],
  ['H-100-1', 'A refusal does not ask for the content.'],
]

/** All requirements, by id, in the order in which they are told. */
export const REQUIREMENTS: ReadonlyMap<string, Requirement> = new Map(
  (
    [
      ['core', CORE],
      ['full', FULL],
      ['safe', SAFE],
    ] as const
  ).flatMap(([profile, rows]) => rows.map(row => [row[0], requirement(profile, row)] as const)),
)

function requirement(profile: Profile, [id, asks]: Row): Requirement {
  return { ...registered(id, ['server', 'both']), asks, profile }
}
