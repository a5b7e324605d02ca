/**
 * What the scripts answer, read: a state, the server's time, and what the state has to tell.
 */
import type { ClaimReply, OwnerReply, ReadReply } from '../../engine/store.js'
import { unpackSpent, unpackWho } from './packing.js'

/** A record that is not free. */
type Found = Extract<ReadReply, { readonly state: 'running' | 'spent' | 'undecided' }>

/** What a reply is that has the time alone. */
const GRANTED = 'granted'

/**
 * The state that a reply begins with; `unsettled` is the store's own business. Of those that went
 * together what is granted has the time alone.
 */
export function stateOf(reply: unknown): string {
  if (typeof reply === 'number') return GRANTED
  return String((reply as readonly unknown[])[0])
}

/** Reads the reply to a claim. */
export function claimReply(reply: unknown): ClaimReply {
  const state = stateOf(reply)
  switch (state) {
    case GRANTED:
      return { nowMs: timeOf(reply), state: 'claimed' }
    case 'claimed':
    case 'late':
    case 'wrong-epoch':
    case 'expired':
    case 'full':
      return { nowMs: timeOf(reply), state }
    default:
      return found(state, reply)
  }
}

/** Reads the reply to a read. */
export function readReply(reply: unknown): ReadReply {
  const state = stateOf(reply)
  if (state === 'none' || state === 'wrong-epoch') return { nowMs: timeOf(reply), state }
  return found(state, reply)
}

/** Reads the reply to an owner's write. */
export function ownerReply(reply: unknown): OwnerReply {
  const state = stateOf(reply)
  return { nowMs: timeOf(reply), state: state === 'ok' || state === GRANTED ? 'ok' : 'stale' }
}

function found(state: string, reply: unknown): Found & { readonly nowMs: number } {
  const nowMs = timeOf(reply)
  if (state === 'spent') {
    const [, , record] = reply as [Buffer, number, Buffer]
    return { nowMs, state, ...unpackSpent(record) }
  }
  if (state === 'running') {
    const [, , leaseLeftMs, who] = reply as [Buffer, number, number, Buffer]
    return { nowMs, state, leaseLeftMs, ...unpackWho(who) }
  }
  if (state === 'undecided') {
    const [, , sinceMs, owner, who] = reply as [Buffer, number, number, Buffer, Buffer]
    return { nowMs, state, sinceMs, owner: owner.toString(), ...unpackWho(who) }
  }
  throw new Error(`the script gave the state '${state}'`)
}

function timeOf(reply: unknown): number {
  if (typeof reply === 'number') return reply
  return (reply as readonly [unknown, number])[1]
}
