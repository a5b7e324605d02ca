/**
 * Why the rules of the sibling schemes matter, how servers break them, and how that is mended.
 *
 * @see spec-notes/requirements.md
 */
import type { Why } from './why.js'

const EXPLAIN = 'Answer application/problem+json with a title, or link to the documentation.'

/** Of Idempotency-Key, action resources and conditional requests. */
export const SIBLINGS: Readonly<Record<string, Why>> = {
  'IK-1-1': {
    why: 'It is what the key is for.',
    wrong: 'The key is looked up, and stored after the handler: two at once run twice.',
    mend: 'Claim the key in one atomic step before the handler runs.',
  },
  'IK-2.1-2': {
    why: 'A value that each side reads in its own way protects nobody.',
    wrong: 'Whatever stands in the field is taken as the key; or unreadable keys are ignored.',
    mend: 'Parse a Structured Field String, and refuse anything else where a key is demanded.',
  },
  'IK-2.1-3': {
    why: 'A later version may add parameters on one try and not on the other.',
    wrong: 'The whole field value is the key.',
    mend: 'Take the string alone.',
  },
  'IK-2.1-4': {
    why: 'A proxy or library that drops the quotes must not lead to a second effect.',
    wrong: 'k and "k" are two keys.',
    mend: 'Refuse keys without quotes, or take both for one.',
  },
  'IK-2.1-5': {
    why: 'All requests with an empty key would be one.',
    wrong: 'The empty string is stored like any key.',
    mend: 'Refuse empty keys with 400.',
  },
  'IK-2.5.2-1': {
    why: 'How long a key is kept is written there, or nowhere.',
    wrong: 'The refusal links to a page that does not exist or needs a login.',
    mend: 'Publish the rules at the address that refusals name.',
  },
  'IK-2.6-1': {
    why: 'A key must not change what a first request gets.',
    wrong: 'The first answer is wrapped, or marked as a replay.',
    mend: 'Answer first requests as if there were no key.',
  },
  'IK-2.6-2': {
    why: 'A client that lost the answer finds it by asking again.',
    wrong: 'Repeats are refused, or get the status without the content.',
    mend: 'Store status, fields and content, and give them to each repeat.',
  },
  'IK-2.6-3': {
    why: 'There is no answer yet, and a second run would be a second effect.',
    wrong: 'The repeat runs, or is told the answer of an empty record.',
    mend: 'Answer 409 with Retry-After, or wait for the first answer.',
  },
  'IK-2.7-1': {
    why: 'A demand that is not enforced protects nobody.',
    wrong: 'Requests without a key pass, or fail with 500.',
    mend: 'Answer 400, and say which field is missing and where the rules are.',
  },
  'IK-2.7-2': {
    why: 'The client believes that the second order was placed.',
    wrong: 'The stored answer is replayed whatever the content; or the content is not compared.',
    mend: 'Keep a fingerprint of the request with the key, and answer 422 where it differs.',
  },
  'IK-2.7-3': {
    why: 'Who reads 409 has to know that waiting helps.',
    wrong: 'The answer is empty.',
    mend: EXPLAIN,
  },
  'IK-2.7-4': {
    why: 'Programs need more than a status to tell refusals apart.',
    wrong: 'Refusals are empty.',
    mend: EXPLAIN,
  },
  'IK-2.7-6': {
    why: 'A key that is "in use" for ever tells nobody what is wrong.',
    wrong: 'A refused request leaves its claim behind.',
    mend: 'Release the key after a refusal, or store the refusal as its answer.',
  },
  'IK-5-2': {
    why: 'Keys are looked up and kept, and must not be used to fill or to break that.',
    wrong: 'Keys of any length reach the database, whose error is a 500.',
    mend: 'Refuse keys of more than 255 characters before anything is looked up.',
  },
  'IK-5-3': {
    why: 'What was never done must not be told as done.',
    wrong: 'The key alone is looked up, whatever the target.',
    mend: 'Look up principal, method, target and key together.',
  },
  'IK-5-4': {
    why: 'Keys of two people may be equal by chance or by malice.',
    wrong: 'The key alone is looked up, whoever asks.',
    mend: 'Make the principal a part of what is looked up.',
  },
  'IK-5-5': {
    why: 'A recorded session goes to whoever holds the key.',
    wrong: 'All fields of the first answer are stored, Set-Cookie among them.',
    mend: 'Store the fields of the representation only.',
  },
  'IK-x-1': {
    why: 'What the draft leaves open should help the client, and not mislead it.',
    wrong: 'Replays are not marked, or everything is; a failure is kept for ever.',
    mend: 'Mark replays, keep refusals out of caches, and let outages be tried again.',
  },
  'ACT-01': {
    why: 'An id that the server made is used once, and tells the same to whoever repeats it.',
    wrong: 'Ids can be guessed, PUT runs again, or the second PUT is told something else.',
    mend: 'Make ids of 128 random bits, claim them in one step, and store the answer.',
  },
  'ACT-03': {
    why: 'An empty text is easily taken for an id like any other.',
    wrong: 'The route matches with an empty last segment.',
    mend: 'Answer 404 where the segment is empty.',
  },
  'ACT-05': {
    why: 'What was called off must not happen.',
    wrong: 'DELETE removes the record, and the next PUT is the first one.',
    mend: 'Record that the action was called off, and refuse PUT from then on.',
  },
  'COND-01': {
    why: 'A request that was made for one state must not change another.',
    wrong: 'The tag is compared, and the state written later; weak or unquoted tags count.',
    mend: 'Compare and write in one step: UPDATE ... WHERE version = ?. Compare strongly.',
  },
  'COND-03': {
    why: 'A condition that is parsed and dropped protects nobody.',
    wrong: 'If-None-Match is looked at for GET only.',
    mend: 'Answer 412 where If-None-Match is false.',
  },
  'COND-05': {
    why: 'Conditions have an order, and one that cannot hold does not.',
    wrong: 'A missing condition passes; a refused content changes the tag.',
    mend: 'Judge in the order of RFC 9110 13.2.2, and answer 428 where one is demanded.',
  },
  'H-428-1': {
    why: 'Who meets it for the first time does not know what to send.',
    wrong: 'The answer is empty, or kept by a cache.',
    mend: 'Say which condition is needed, and send no-store.',
  },
}
