/**
 * Every refusal in its words, once: those of links, and those that only doors have. The name of a
 * row is the last part of its problem type, where it does not say another.
 *
 * @see POE draft 2; RFC 9457; RFC 9110 13.1.1, 15.5, 15.6.4; RFC 6585 3
 */
import type { Problem } from './answer.js'
import type { DoorRefusal, LinkRefusal } from './refusal-kinds.js'
import { fill } from './words.js'

/** When it is worth asking again where nothing better is known, in milliseconds. */
export const SOON_MS = 1_000

type Words = Omit<Problem, 'type' | 'kind'> & { readonly type?: string }

function named<Name extends LinkRefusal | DoorRefusal>(
  rows: Record<Name, Words>,
): Readonly<Record<Name, Problem>> {
  const entries = Object.entries(rows) as [Name, Words][]
  const problems = entries.map(([kind, words]): [Name, Problem] => [
    kind,
    { kind, type: kind, ...words },
  ])
  return Object.fromEntries(problems) as Record<Name, Problem>
}

// What a store says of its own failures; a full one is told as one that is down.
const STORE = {
  status: 503,
  title: 'Not possible right now',
  detail:
    'What became of this address cannot be told now. It is safe to send the same request again ' +
    'shortly: it will not be carried out twice.',
}
// What the handler did outside of its transaction is not known here, so nothing is promised.
const UNDONE = {
  status: 503,
  title: 'Not possible right now',
  detail:
    'This request could not be finished, and what was written for it in the database was undone. ' +
    'The same request can be sent again shortly.',
}
const USED = { type: 'used', status: 405, title: 'This was already sent' }

/** What is told at a link; a key and an action share most of it. */
export const LINK_REFUSALS: Readonly<Record<LinkRefusal, Problem>> = named({
  used: {
    ...USED,
    detail: 'This request was carried out once, and is not carried out again.',
  },
  'used-for-other': {
    ...USED,
    detail:
      'This address was used before, with other content. What was sent now was not carried out.',
  },
  'used-by-any': {
    ...USED,
    detail:
      'This address was used before, and what was sent then was carried out. What was sent now ' +
      'was not carried out; whether it is the same cannot be told here.',
  },
  'body-not-kept': {
    status: 410,
    title: 'It is done',
    detail: 'This request was carried out. Its answer is no longer kept.',
  },
  'coding-refused': {
    status: 406,
    title: 'It is done',
    detail:
      'This request was carried out. Its answer is kept in a content coding only that ' +
      'Accept-Encoding does not name.',
  },
  'body-pending': {
    status: 503,
    title: 'It is done',
    detail: 'This request was carried out. Its answer is still being written; ask again shortly.',
    retryAfterMs: SOON_MS,
  },
  running: {
    status: 409,
    title: 'Still being carried out',
    detail: 'The same request is being carried out now. Ask again shortly to learn how it ended.',
  },
  undecided: {
    status: 409,
    title: 'Not known yet',
    detail:
      'An earlier request at this address was interrupted, and it may or may not have taken ' +
      'effect. It will not be carried out again until that is known.',
    retryAfterMs: 30_000,
  },
  unspent: {
    status: 405,
    title: 'Nothing has been sent here yet',
    detail: 'This address takes one POST. Nothing has happened so far.',
  },
  expired: {
    status: 410,
    title: 'This address has expired',
    detail: 'It was not used in time, and nothing was done. Start again to get a fresh one.',
  },
  forgotten: {
    status: 410,
    title: 'This cannot be told any more',
    detail: 'This address is too old to know whether it was used. It will not be carried out now.',
  },
  unverifiable: {
    status: 404,
    title: 'No such address',
    detail:
      'This address was never given out, or it was given to somebody else, or before a login or ' +
      'logout. Nothing was carried out now.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Not with this method',
    detail: 'This address takes one POST. The Allow field tells what it takes now.',
  },
  nobody: {
    status: 403,
    title: 'No link for nobody',
    detail: 'Links are made for somebody; this request does not say for whom. Log in first.',
  },
  'store-down': STORE,
  'store-full': STORE,
  // What the handler did elsewhere, and will do again, is not known here either.
  'transaction-timeout': {
    status: 503,
    title: 'This took too long',
    detail:
      'What was written for this request in its database transaction took too long and was ' +
      'undone. The same request can be sent again shortly.',
  },
  'undone-store-down': { type: 'store-down', ...UNDONE },
  'undone-store-full': { type: 'store-full', ...UNDONE },
})

const OUTSIDE_WINDOW = { type: 'outside-window', status: 412, title: 'Outside the window' }

/** What only doors tell. */
export const DOOR_REFUSALS: Readonly<Record<DoorRefusal, Problem>> = named({
  'key-missing': {
    status: 400,
    title: 'This request needs a key',
    detail: '{}: a name for this request that stays the same when it is sent again.',
  },
  'key-malformed': { status: 400, title: 'This key cannot be read', detail: '{}' },
  mismatch: {
    status: 422,
    title: 'Another request has this key',
    detail:
      'This key was sent before, with another request. What was sent now was not carried out; ' +
      'send it with a key of its own.',
  },
  nobody: {
    status: 403,
    title: 'Log in first',
    detail: 'This is remembered for whoever sends it, and this request does not say who that is.',
  },
  'too-large': {
    status: 413,
    title: 'Too much content',
    detail: 'This address takes at most {} bytes. Nothing was carried out.',
  },
  'digest-missing': {
    status: 400,
    title: 'A digest is missing',
    detail: 'This request must carry Content-Digest with sha-256 or sha-512.',
  },
  'digest-wrong': {
    status: 400,
    title: 'The content is not what was sent',
    detail: 'Content-Digest does not fit the content that has arrived. Nothing was carried out.',
  },
  'too-deep': {
    status: 400,
    title: 'This content cannot be compared',
    detail: 'The content is nested too deeply. Nothing was carried out.',
  },
  // There is no `Location` either.
  'body-not-kept': {
    status: 409,
    title: 'It is done',
    detail:
      'This request was carried out once, and is not carried out again. Its answer is not kept ' +
      'any more.',
  },
  // Its status is that of the answer.
  'content-not-kept': {
    type: 'body-not-kept',
    status: 409,
    title: 'This was answered before',
    detail:
      'This request was answered with this status before, and is not tried again. What else the ' +
      'answer said is not kept.',
  },
  'precondition-required': {
    status: 428,
    title: 'This request needs a condition',
    detail: 'Get the current state first, and send {} with this request.',
  },
  'precondition-failed': {
    status: 412,
    title: 'The state is another by now',
    detail:
      '{} does not hold, so this was not carried out now. Get the current state and look again.',
  },
  'precondition-malformed': {
    status: 400,
    title: 'This condition cannot be read',
    detail: '{} takes {}.',
  },
  'precondition-unjudged': {
    status: 400,
    title: 'This condition is not judged here',
    detail:
      'Whether {} holds cannot be told at this address, so this was not carried out. What is ' +
      'judged here: {}.',
  },
  'suspected-duplicate': {
    status: 409,
    title: 'Was this sent before?',
    detail:
      'The same was sent a short time ago and carried out; what was sent now was not. If it is ' +
      'meant to happen once more, send it again with the field Duplicate-Override, or the form ' +
      'member duplicate-override, as given here.',
  },
  'override-malformed': {
    status: 400,
    title: 'This override cannot be read',
    detail: 'Duplicate-Override takes 1 to 64 characters: letters, digits, - and _.',
  },
  cancelled: {
    status: 410,
    title: 'This was called off',
    detail: 'This action was cancelled before it was used, and will not be carried out.',
  },
  'action-mismatch': {
    type: 'mismatch',
    status: 422,
    title: 'This action is another',
    detail:
      'This action was used before, with other content. What was sent now was not carried out; ' +
      'get an action of its own for it.',
  },
  'cannot-undo': {
    status: 405,
    title: 'This cannot be undone',
    detail: 'This action was carried out, and there is no way to undo it here.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Not with this method',
    detail: 'The Allow field tells what this address takes now.',
  },
  // Whoever sends the content where an id is asked for must not take the 201 for its success.
  'not-empty': {
    status: 400,
    title: 'Nothing was carried out',
    detail: 'A POST here takes no content: it gives an address. Send the content there.',
  },
  'not-repeatable': {
    status: 501,
    title: 'Not repeatable here',
    detail: 'This address keeps no Repeatability-Request-ID. Nothing was carried out.',
  },
  'too-old': {
    ...OUTSIDE_WINDOW,
    detail:
      'Repeatability-First-Sent is longer ago than is remembered here. This request was not ' +
      'carried out now; whether it was carried out before cannot be told any more.',
  },
  'in-future': {
    ...OUTSIDE_WINDOW,
    detail: 'Repeatability-First-Sent is in the future. Nothing was carried out.',
  },
})

/** Gives a door's refusal with a value filled in for each `{}` of its detail. */
export function filled(name: DoorRefusal, ...values: readonly (string | number)[]): Problem {
  const problem = DOOR_REFUSALS[name]
  return { values, ...problem, detail: fill(problem.detail, values) }
}
