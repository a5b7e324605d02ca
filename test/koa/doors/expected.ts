/**
 * What the answers must be: for each situation the answers in words, effects included, and the
 * doors that give them. The guide's table is made of this.
 */
import { DOORS, type Door } from './operations.js'

type Row = readonly (readonly [told: string, doors: string])[]

const ALL = DOORS.join(' ')
/** The doors that give the first answer again. */
const REPEATING = 'key stripe repeatable replay action condition'

const EXPECTED: Readonly<Record<string, Row>> = {
  first: [['201; 1 effect', ALL]],
  again: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  elsewhere: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  'other-content': [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 422 mismatch; 1 effect', 'key replay action'],
    ['201, then 400 mismatch; 1 effect', 'stripe repeatable'],
    ['201, then 412 precondition-failed; 1 effect', 'condition'],
    ['201, then 201; 2 effects', 'content'],
  ],
  running: [['201, then 409 running later; 1 effect', ALL]],
  'running-other-content': [
    ['201, then 409 running later; 1 effect', 'link condition'],
    ['201, then 422 mismatch; 1 effect', 'key replay action'],
    ['201, then 400 mismatch; 1 effect', 'stripe repeatable'],
    ['201, then 201; 2 effects', 'content'],
  ],
  refused: [
    ['422, then 201; 1 effect', 'link key replay action condition content'],
    ['422, then 422 again; 0 effects', 'stripe repeatable'],
  ],
  'refused-then-other': [
    ['422, then 201; 1 effect', 'link key replay action condition content'],
    ['422, then 400 mismatch; 0 effects', 'stripe repeatable'],
  ],
  'refused-by-throw': [
    ['403, then 201; 1 effect', 'link key replay action condition content'],
    ['403, then 403 again; 0 effects', 'stripe repeatable'],
  ],
  failed: [
    ['503, then 201; 1 effect', 'link key repeatable replay action condition content'],
    ['503, then 503 again; 0 effects', 'stripe'],
  ],
  surprise: [
    [
      '500, then 409 undecided later; 0 effects',
      'link key repeatable replay action condition content',
    ],
    ['500, then 500 again; 0 effects', 'stripe'],
  ],
  silence: [['nothing, then 409 undecided later; 1 effect', ALL]],
  'client-gone': [
    ['nothing, then 405 used; 1 effect', 'link'],
    ['nothing, then 201 again; 1 effect', REPEATING],
    ['nothing, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  'other-user': [
    ['201, then 404 unverifiable; 1 effect', 'link action'],
    ['201, then 201; 2 effects', 'key stripe repeatable replay content'],
    ['201, then 412 precondition-failed; 1 effect', 'condition'],
  ],
  'other-route': [
    ['201, then 404 unverifiable; 1 effect', 'link action'],
    ['201, then 201; 2 effects', 'key stripe repeatable replay condition content'],
  ],
  over: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201; 2 effects', 'key stripe replay content'],
    ['201, then 412 outside-window; 1 effect', 'repeatable'],
    ['201, then 201 again; 1 effect', 'action'],
    ['201, then 412 precondition-failed; 1 effect', 'condition'],
  ],
  nameless: [
    ['404; 0 effects', 'link'],
    ['400 key-missing; 0 effects', 'key stripe repeatable replay'],
    ['405; 0 effects', 'action'],
    ['428 precondition-required; 0 effects', 'condition'],
    ['201; 1 effect', 'content'],
  ],
  malformed: [
    ['404 unverifiable; 0 effects', 'link action'],
    ['400 key-malformed; 0 effects', 'key stripe repeatable replay'],
    ['400 precondition-malformed; 0 effects', 'condition'],
    ['400 override-malformed; 0 effects', 'content'],
  ],
  'too-much': [
    ['413, then 201; 1 effect', 'link content'],
    ['413 too-large, then 201; 1 effect', REPEATING],
  ],
  empty: [
    ['204, then 405 used; 1 effect', 'link'],
    ['204, then 204 again; 1 effect', REPEATING],
    ['204, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  binary: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  stream: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  large: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 303 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  'large-bare': [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 409 body-not-kept; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  redirect: [
    ['303, then 405 used; 1 effect', 'link'],
    ['303, then 303 again; 1 effect', REPEATING],
    ['303, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  cookies: [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  'store-down-before': [['503 store-down later, then 201; 1 effect', ALL]],
  'store-down-during': [
    ['201, then 405 used; 1 effect', 'link'],
    ['201, then 201 again; 1 effect', REPEATING],
    ['201, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
  'store-down-after': [
    ['201, then 503 store-down later, then 405 used; 1 effect', 'link'],
    ['201, then 503 store-down later, then 201 again; 1 effect', REPEATING],
    ['201, then 503 store-down later, then 409 suspected-duplicate; 1 effect', 'content'],
  ],
}

/** What a door must answer in a situation. */
export function expectedAt(situation: string, door: Door): string {
  const found = EXPECTED[situation]?.find(([, doors]) => doors.split(' ').includes(door))
  if (found === undefined) throw new Error(`Nothing is expected of ${door} in ${situation}`)
  return found[0]
}
