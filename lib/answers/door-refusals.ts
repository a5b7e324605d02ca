/**
 * The refusals that only doors have, in words.
 *
 * @see RFC 9457; RFC 9110 13.1.1, 15.5.13; RFC 6585 3
 */
import type { Problem } from './answer.js'

/** A request that has to name itself does not. */
export function keyMissing(what: string): Problem {
  return {
    type: 'key-missing',
    status: 400,
    title: 'This request needs a key',
    detail: `${what}: a name for this request that stays the same when it is sent again.`,
  }
}

/** A key that cannot be read. `why` is a sentence. */
export function keyMalformed(why: string): Problem {
  return { type: 'key-malformed', status: 400, title: 'This key cannot be read', detail: why }
}

/** The answer to a key that is in use for other content. */
export const MISMATCH: Problem = {
  type: 'mismatch',
  status: 422,
  title: 'Another request has this key',
  detail:
    'This key was sent before, with another request. What was sent now was not carried out; ' +
    'send it with a key of its own.',
}

/** Nobody has sent this. */
export const NOBODY: Problem = {
  type: 'nobody',
  status: 403,
  title: 'Log in first',
  detail: 'This is remembered for whoever sends it, and this request does not say who that is.',
}

/** More content than a door takes. */
export function tooLarge(limitBytes: number): Problem {
  return {
    type: 'too-large',
    status: 413,
    title: 'Too much content',
    detail: `This address takes at most ${limitBytes} bytes. Nothing was carried out.`,
  }
}

/** `Content-Digest` is demanded. */
export const DIGEST_MISSING: Problem = {
  type: 'digest-missing',
  status: 400,
  title: 'A digest is missing',
  detail: 'This request must carry Content-Digest with sha-256 or sha-512.',
}

/** `Content-Digest` does not fit. */
export const DIGEST_WRONG: Problem = {
  type: 'digest-wrong',
  status: 400,
  title: 'The content is not what was sent',
  detail: 'Content-Digest does not fit the content that has arrived. Nothing was carried out.',
}

/** Content that is nested more deeply than can be compared. */
export const TOO_DEEP: Problem = {
  type: 'too-deep',
  status: 400,
  title: 'This content cannot be compared',
  detail: 'The content is nested too deeply. Nothing was carried out.',
}

/** It is done, and the answer cannot be repeated: it is not kept, and there is no `Location`. */
export const DONE_NOT_KEPT: Problem = {
  type: 'body-not-kept',
  status: 409,
  title: 'It is done',
  detail:
    'This request was carried out once, and is not carried out again. Its answer is not kept ' +
    'any more.',
}

/** A precondition is not there. */
export function preconditionRequired(fields: string): Problem {
  return {
    type: 'precondition-required',
    status: 428,
    title: 'This request needs a condition',
    detail: `Get the current state first, and send ${fields} with this request.`,
  }
}

/** A precondition does not hold. */
export function preconditionFailed(field: string): Problem {
  return {
    type: 'precondition-failed',
    status: 412,
    title: 'The state is another by now',
    detail:
      `${field} does not hold, so this was not carried out now. ` +
      'Get the current state and look again.',
  }
}

/** A precondition that cannot be read. */
export function preconditionMalformed(field: string): Problem {
  return {
    type: 'precondition-malformed',
    status: 400,
    title: 'This condition cannot be read',
    detail: MALFORMED[field] ?? `${field} takes quoted entity tags, separated by commas, or *.`,
  }
}

const MALFORMED: Readonly<Record<string, string>> = {
  'If-Unmodified-Since': 'If-Unmodified-Since takes a date as in RFC 9110 5.6.7.',
  'If-None-Exist': 'If-None-Exist takes a search of 1 to 2048 characters, such as email=a@b.c.',
}

/** A precondition that this address cannot judge, and so does not pass by. */
export function preconditionUnjudged(field: string, judged: string): Problem {
  return {
    type: 'precondition-unjudged',
    status: 400,
    title: 'This condition is not judged here',
    detail:
      `Whether ${field} holds cannot be told at this address, so this was not carried out. ` +
      `What is judged here: ${judged}.`,
  }
}

/** The same thing was done a short time ago. */
export const SUSPECTED_DUPLICATE: Problem = {
  type: 'suspected-duplicate',
  status: 409,
  title: 'Was this sent before?',
  detail:
    'The same was sent a short time ago and carried out; what was sent now was not. If it is ' +
    'meant to happen once more, send it again with the field Duplicate-Override, or the form ' +
    'member duplicate-override, as given here.',
}

/** An override that no one has given. */
export const OVERRIDE_MALFORMED: Problem = {
  type: 'override-malformed',
  status: 400,
  title: 'This override cannot be read',
  detail: 'Duplicate-Override takes 1 to 64 characters: letters, digits, - and _.',
}

/** An action that was called off before it was used. */
export const CANCELLED: Problem = {
  type: 'cancelled',
  status: 410,
  title: 'This was called off',
  detail: 'This action was cancelled before it was used, and will not be carried out.',
}

/** An action that was used for something else. */
export const ACTION_MISMATCH: Problem = {
  type: 'mismatch',
  status: 422,
  title: 'This action is another',
  detail:
    'This action was used before, with other content. What was sent now was not carried out; get ' +
    'an action of its own for it.',
}

/** An action that is done for good. */
export const CANNOT_UNDO: Problem = {
  type: 'cannot-undo',
  status: 405,
  title: 'This cannot be undone',
  detail: 'This action was carried out, and there is no way to undo it here.',
}

/** An action in no state for this method. */
export const NOT_OFFERED: Problem = {
  type: 'method-not-allowed',
  status: 405,
  title: 'Not with this method',
  detail: 'The Allow field tells what this address takes now.',
}

/** Content where an action's id is asked for: its sender must not take the 201 for its success. */
export const NOT_EMPTY: Problem = {
  type: 'not-empty',
  status: 400,
  title: 'Nothing was carried out',
  detail: 'A POST here takes no content: it gives an address. PUT the content there.',
}

/** A repeatable request where no door would keep its id. */
export const NOT_REPEATABLE: Problem = {
  type: 'not-repeatable',
  status: 501,
  title: 'Not repeatable here',
  detail: 'This address keeps no Repeatability-Request-ID. Nothing was carried out.',
}

const OUTSIDE_WINDOW = { type: 'outside-window', status: 412, title: 'Outside the window' } as const

/** A date of a first try that is not taken. */
export const OUTSIDE: Readonly<Record<'too-old' | 'in-future', Problem>> = {
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
}
