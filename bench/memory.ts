/**
 * What a record weighs, and whether many of them slow a claim down.
 *
 * Run by `node --expose-gc --import ts-blank-space/register -C @post-once-exactly/source
 * bench/memory.ts [--live <n>]`. Prints bytes a spent record, and the ratio of a claim's time among
 * many records to that among ten thousand.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nanoid } from 'nanoid'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Store } from '../lib/engine/store.js'

const FEW = 10_000
const SPENT = 100_000
const SAMPLE = 5_000
const HOUR_MS = 3_600_000
const HEAD =
  '[201,[["content-type","application/json; charset=utf-8"],["location","/orders/1"]],"k"]'
const BODY = Buffer.from(JSON.stringify({ id: 1, sku: 'tea', note: 'x'.repeat(118) }))

/** Digests, as the Koa layer gives them. */
const PRINCIPALS = Array.from({ length: 1_000 }, () => randomBytes(12).toString('base64url'))

const { values } = parseArgs({ options: { live: { type: 'string', default: '1000000' } } })
const live = Number(values.live)
const folder = mkdtempSync(join(tmpdir(), 'poe-bench-'))
try {
  const limits = { maxRecords: 2 * live + SPENT, maxPerPrincipal: 2 * live + SPENT }
  const heapBefore = heldBytes()
  const memory = memoryStore(limits) as Store<unknown>
  await spend(memory, SPENT)
  console.log(`memory: ${Math.round((heldBytes() - heapBefore) / SPENT)} bytes a spent record`)
  await memory.close()

  const file = join(folder, 'weight.db')
  const sqlite = sqliteStore(file) as Store<unknown>
  await spend(sqlite, SPENT)
  await sqlite.close()
  console.log(`sqlite: ${Math.round(statSync(file).size / SPENT)} bytes a spent record`)

  await slowDown('memory', memoryStore(limits) as Store<unknown>)
  await slowDown('sqlite', sqliteStore(join(folder, 'many.db')) as Store<unknown>)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function slowDown(name: string, store: Store<unknown>): Promise<void> {
  await spend(store, FEW)
  const few = await timeOf(store)
  await spend(store, live - FEW)
  const many = await timeOf(store)
  console.log(
    `${name}: a claim among ${live} records takes ${(many / few).toFixed(2)} x one among ${FEW}`,
  )
  await store.close()
}

async function timeOf(store: Store<unknown>): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const startedMs = performance.now()
    await spend(store, SAMPLE)
    rounds.push(performance.now() - startedMs)
  }
  return rounds.toSorted((a, b) => a - b)[2] ?? Number.NaN
}

/** Claims and completes, many at a time, as a busy server does. */
async function spend(store: Store<unknown>, count: number): Promise<void> {
  for (let done = 0; done < count; done += 500) {
    await Promise.all(Array.from({ length: Math.min(500, count - done) }, () => spendOne(store)))
  }
}

async function spendOne(store: Store<unknown>): Promise<void> {
  const key = `order:${nanoid(22)}`
  const owner = nanoid(22)
  const nowMs = Date.now()
  const claimed = await store.claim(key, {
    owner,
    epoch: null,
    leaseMs: 15_000,
    claimByMs: nowMs + HOUR_MS,
    tokenExpiresMs: nowMs + HOUR_MS,
    keepUntilMs: nowMs + 25 * HOUR_MS,
    onSilence: 'undecided',
    fingerprint: randomBytes(32).toString('base64url'),
    principal: PRINCIPALS[Math.floor(Math.random() * PRINCIPALS.length)] ?? '',
  })
  if (claimed.state !== 'claimed') throw new Error(`the claim is ${claimed.state}`)
  await store.complete(key, owner, { head: HEAD, body: Buffer.from(BODY) })
}

function heldBytes(): number {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) throw new Error('run it with node --expose-gc')
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
