/**
 * What a statement of a joining pool becomes inside a handler's transaction.
 */

import type { Isolation } from './query.js'
import { controlsTransaction, type StatementWords, statementsOf } from './statement-check.js'

/** What is to be done for a text of SQL. */
export type Plan =
  /** Sent as it is. */
  | { readonly kind: 'plain' }
  /** Becomes a savepoint. `isolation`: what is asked for, if anything is. */
  | { readonly kind: 'begin'; readonly isolation: Isolation | null }
  /** Releases the savepoint. */
  | { readonly kind: 'commit' }
  /** Goes back to the savepoint. */
  | { readonly kind: 'rollback' }
  /** A savepoint of the tool's own: only inside of a transaction of its. */
  | { readonly kind: 'savepoint' }
  /** `SET TRANSACTION ISOLATION LEVEL`. */
  | { readonly kind: 'isolation'; readonly isolation: Isolation }
  /** Cannot be had inside a handler's transaction; nothing is sent. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Would end the handler's transaction, and cannot be told apart from what stands beside it. */
  | { readonly kind: 'stolen'; readonly word: string }

const PLAIN: Plan = { kind: 'plain' }
const LEVELS: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

const SET_CONFIG =
  'set_config(..., false) changes the connection for those who get it next: give true.'

/** Plans a text of SQL. */
export function planOf(sql: string): Plan {
  const statements = statementsOf(sql)
  const [only = [], ...others] = statements
  if (others.length === 0) return planOfOne(only)
  const control = statements.find(controlsTransaction)
  if (control !== undefined) return { kind: 'stolen', word: control[0] ?? '' }
  const plans = statements.map(planOfOne)
  const isOdd = ({ kind }: Plan): boolean => kind !== 'plain' && kind !== 'savepoint'
  const found = plans.find(isOdd) ?? plans.find(({ kind }) => kind === 'savepoint') ?? PLAIN
  return found.kind === 'isolation' ? refuse('SET TRANSACTION has to be sent by itself.') : found
}

function planOfOne(words: StatementWords): Plan {
  const [first, second] = words
  if (words.includes('SET_CONFIG') && words.includes('FALSE')) return refuse(SET_CONFIG)
  switch (first) {
    case 'BEGIN':
    case 'START':
      return planOfBegin(words)
    case 'COMMIT':
    case 'END':
    case 'ROLLBACK':
    case 'ABORT':
      return planOfEnd(words)
    case 'SAVEPOINT':
    case 'RELEASE':
      return { kind: 'savepoint' }
    case 'PREPARE':
      return second === 'TRANSACTION' ? { kind: 'stolen', word: first } : PLAIN
    case 'SET':
      return planOfSet(words)
    case 'RESET':
    case 'DISCARD':
      return refuse(`${first} changes the connection, which goes back to its pool afterwards.`)
    case 'LISTEN':
    case 'UNLISTEN':
      return refuse(`${first} needs a connection of its own: take it from the plain pool.`)
    default:
      return PLAIN
  }
}

/** `BEGIN`, `START TRANSACTION`, and the modes that may follow. */
function planOfBegin([first, second, ...rest]: StatementWords): Plan {
  if (first === 'START' && second !== 'TRANSACTION') return PLAIN
  const isFiller = second === 'TRANSACTION' || second === 'WORK'
  const modes = isFiller ? rest : [second, ...rest].filter(word => word !== undefined)
  return planOfModes(modes, isolation => ({ kind: 'begin', isolation }))
}

function planOfModes(modes: StatementWords, plan: (isolation: Isolation | null) => Plan): Plan {
  const text = modes.join(' ').replace('READ WRITE', '').replace('NOT DEFERRABLE', '').trim()
  if (text === '') return plan(null)
  const level = /^ISOLATION LEVEL (.+)$/.exec(text)?.[1]?.toLowerCase()
  // PostgreSQL has nothing weaker than read committed.
  const isolation = level === 'read uncommitted' ? 'read committed' : level
  const known = LEVELS.find(each => each === isolation)
  if (known !== undefined) return plan(known)
  return refuse(`${text} cannot be had for a part of a transaction: leave it out.`)
}

function planOfEnd(words: StatementWords): Plan {
  const [first = ''] = words
  const tail = words.slice(1).filter(word => word !== 'WORK' && word !== 'TRANSACTION')
  if (first === 'ROLLBACK' && tail[0] === 'TO') return { kind: 'savepoint' }
  const text = tail.join(' ')
  if (text !== '' && text !== 'AND NO CHAIN') return { kind: 'stolen', word: first }
  return { kind: first === 'ROLLBACK' || first === 'ABORT' ? 'rollback' : 'commit' }
}

function planOfSet([, second, third, ...modes]: StatementWords): Plan {
  if (second === 'CONSTRAINTS') return PLAIN
  if (second === 'LOCAL') {
    // By it is told where a string ends.
    if (third !== 'STANDARD_CONFORMING_STRINGS') return PLAIN
    return refuse('standard_conforming_strings stays on in a handler.')
  }
  if (second === 'TRANSACTION' && third !== undefined) {
    return planOfModes([third, ...modes], isolation =>
      isolation === null ? PLAIN : { kind: 'isolation', isolation },
    )
  }
  return refuse('SET changes the connection for those who get it next: write SET LOCAL.')
}

function refuse(why: string): Plan {
  return { kind: 'refused', why }
}

/** Whether a transaction that is kept apart as `given` gives what `asked` promises. */
export function isAsStrict(given: Isolation, asked: Isolation): boolean {
  return LEVELS.indexOf(given) >= LEVELS.indexOf(asked)
}
