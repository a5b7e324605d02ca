/**
 * The names of refusals: each is a row of the tables of `refusals.ts`.
 */

type Used = 'used' | 'used-for-other' | 'used-by-any' | 'coding-refused' | 'body-pending'
type Found = 'running' | 'undecided' | 'unspent' | 'expired' | 'forgotten' | 'unverifiable'
type Store = 'store-down' | 'store-full' | 'undone-store-down' | 'undone-store-full' | Overdue
type Overdue = 'transaction-timeout'
type Shared = 'nobody' | 'body-not-kept' | 'method-not-allowed'
/** What is told at a link. */
export type LinkRefusal = Used | Found | Store | Shared

type Key = 'key-missing' | 'key-malformed' | 'mismatch' | 'too-old' | 'in-future' | 'not-repeatable'
type Content =
  | 'content-not-kept'
  | 'too-large'
  | 'digest-missing'
  | 'digest-wrong'
  | 'too-deep'
  | 'not-empty'
type Condition = `precondition-${'required' | 'failed' | 'malformed' | 'unjudged'}`
type Suspicion = 'suspected-duplicate' | 'override-malformed'
type Action = 'cancelled' | 'action-mismatch' | 'cannot-undo'
/** What only doors tell. */
export type DoorRefusal = Key | Content | Condition | Suspicion | Action | Shared
