/**
 * The memory store: for trying out and for tests. It lives and dies with its process.
 *
 * It never forgets a record before its time: at capacity it refuses new claims. Only bodies are
 * dropped early; the record then says that its body is not kept.
 */
import cluster from 'node:cluster'
import { wholeNumber } from '../engine/checks.js'
import type { Store } from '../engine/store.js'
import { type MemoryLimits, MemoryStore } from './memory/memory-store.js'
import { checkKeys, clockOption } from './options.js'

const WHERE = 'memoryStore'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** How many records there may be before claims are answered `full`. Default 100,000. */
  readonly maxRecords?: number | undefined
  /**
   * How many of them may be one principal's, so that nobody fills the store alone. Default a tenth
   * of `maxRecords`, at least 1. The principal `*`, which stands for everybody, has no such limit.
   */
  readonly maxPerPrincipal?: number | undefined
  /** All kept bodies together, in bytes; the longest unread are dropped first. Default 64 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** The clock, in milliseconds since the Unix epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Makes a store in this process's memory.
 *
 * Every call is one synchronous step, so nothing runs between its look and its write. Nothing is
 * durable, nothing is shared with another process, and there are no transactions. In a worker of
 * `node:cluster` it warns, once a process.
 *
 * @param options - limits and clock
 * @returns a store with an epoch and a memory of its own
 * @throws TypeError on unknown or malformed options, RangeError on limits below 1
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const limits = resolveOptions(options)
  if (cluster.isWorker) warnOfCluster()
  return new MemoryStore(limits)
}

let hasWarned = false

/** A POST that one worker has run is unknown to the next one. */
function warnOfCluster(): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(
    'memoryStore in a worker of node:cluster: the workers share nothing, so that a link is ' +
      'unknown, and a key runs again, at each other worker.',
    {
      code: 'POE_MEMORY_IN_CLUSTER',
      detail: 'Use sqliteStore, redisStore or postgresStore where there are several processes.',
    },
  )
}

function resolveOptions(options: MemoryStoreOptions): MemoryLimits {
  checkKeys(WHERE, options, ['maxRecords', 'maxPerPrincipal', 'maxBodyBytes', 'now'])
  const maxRecords = wholeNumber(WHERE, 'maxRecords', options.maxRecords, 100_000, 1)
  const tenth = Math.max(1, Math.floor(maxRecords / 10))
  return Object.freeze({
    maxRecords,
    maxPerPrincipal: wholeNumber(WHERE, 'maxPerPrincipal', options.maxPerPrincipal, tenth, 1),
    maxBodyBytes: wholeNumber(WHERE, 'maxBodyBytes', options.maxBodyBytes, 64 * 1_024 * 1_024, 1),
    now: clockOption(WHERE, options.now),
  })
}
