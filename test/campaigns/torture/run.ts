/** One run: clients order while the site is disturbed; then all is brought back, and judged. */
import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Backend } from './backends/backend.js'
import { postgresBackend } from './backends/postgres.js'
import { redisBackend } from './backends/redis.js'
import { sqliteBackend } from './backends/sqlite.js'
import { check } from './checker.js'
import { type ClientTools, perform, settle } from './client.js'
import type { OperationHistory } from './history.js'
import type { TortureOptions } from './options.js'
import { disturbancesOf, operationOf, type PlanSettings } from './plan.js'
import { showProgress } from './progress.js'
import type { Result } from './report.js'
import { Site } from './site.js'

const SHOPS = 3
const CLIENTS = 14
const LEASE_MS = 1_000
/** Longer than a lease, and than a success waits to be recorded. */
const QUIET_MS = 1_500
/** Shorter than a lease, so that the shop dwells on every order and loses none to its rivals. */
const PLANTED_DWELL_MS = 800
const DWELL_SHARE = 0.2
const SLOW_SHARE = 0.05
/** How often a run with a fault on purpose is looked at. */
const LOOK_MS = 300
/** So many links are asked about at the same time in the end. */
const SETTLERS = 24

/**
 * Runs the fire test.
 *
 * @param options - see {@link TortureOptions}
 * @param stop - ends the load early
 */
export async function runTorture(options: TortureOptions, stop: AbortSignal): Promise<Result> {
  const backend = await openBackend(options)
  try {
    return await runOn(backend, options, stop)
  } finally {
    await backend.close()
  }
}

async function openBackend({ store, persistence }: TortureOptions): Promise<Backend> {
  switch (store) {
    case 'sqlite':
      return sqliteBackend()
    case 'postgres':
      return postgresBackend()
    case 'redis':
      return redisBackend(persistence)
  }
}

async function runOn(
  backend: Backend,
  options: TortureOptions,
  stop: AbortSignal,
): Promise<Result> {
  const { seed, forMs, plant, by } = options
  let beganMs = performance.now()
  const now = () => performance.now() - beganMs
  const site = await Site.open({ backend, shops: SHOPS, leaseMs: LEASE_MS, plant, by, now })
  await backend.readied?.()
  beganMs = performance.now()
  const plan: PlanSettings = {
    ...{ seed, forMs, shops: SHOPS, leaseMs: LEASE_MS },
    // Only a 405 to a first try shows this plant's fault, and a store that is away delays that.
    hasServer: backend.server !== null && plant !== 'own-success',
    // This plant's shop holds nobody up while it dwells, and that is where kills must fall.
    // This plant's fault shows in slow commits only.
    slowShare: plant === 'own-success' ? 0.5 : SLOW_SHARE,
    dwellMs: isOutside(plant) ? PLANTED_DWELL_MS : backend.dwellMs,
    dwellShare: isOutside(plant) ? 1 : DWELL_SHARE,
    // Whatever else delays orders, a slow machine would place too few to meet a kill.
    killsOnly: isOutside(plant),
  }
  const operations: OperationHistory[] = []
  let phase = 'under fire'
  const progress = showProgress(process.stderr, () => {
    const { kills, faults } = site.counts
    const time = `${Math.round(now() / 1_000)} s`
    return `${time} ${phase}: ${operations.length} operations, ${kills} kills, ${faults} faults`
  })
  try {
    const found = plant === null ? null : () => shows(backend, operations.filter(isSent))
    await underFire(site, plan, stop, now, operations, found)
    const tookMs = now()
    phase = 'bringing everything back'
    await site.calm()
    await pause(LEASE_MS + QUIET_MS)
    phase = 'asking again'
    const sent = operations.filter(isSent)
    await settleAll(site, plan, sent, now)
    const rows = await backend.orders()
    const { events, counts } = site
    const { isExternal, mayForget } = backend
    const findings = check({ operations: sent, rows, events, isExternal, mayForget })
    const written = by === null ? '' : `, written by ${by}`
    const fault = plant === null ? '' : `, planted: ${plant}`
    const title = `torture: ${backend.title}${written}${fault}`
    return { title, seed, tookMs, operations: sent, rows, events, counts, findings }
  } finally {
    progress.end()
    await site.close()
  }
}

/**
 * The load and the disturbances, until the time is over, somebody stops it, or the fault that was
 * planted is seen.
 */
async function underFire(
  site: Site,
  plan: PlanSettings,
  stop: AbortSignal,
  now: () => number,
  operations: OperationHistory[],
  isFound: (() => Promise<boolean>) | null,
): Promise<void> {
  const over = new AbortController()
  const { signal: time } = over
  setMaxListeners(0, time)
  const end = (): void => over.abort()
  const timer = setTimeout(end, plan.forMs)
  stop.addEventListener('abort', end)
  if (stop.aborted) end()
  const tools: ClientTools = { doors: site.shops.map(({ door }) => door.port), now, stop: time }
  let next = 0
  const client = async (): Promise<void> => {
    while (!time.aborted) {
      const index = next
      next += 1
      operations.push(await perform(operationOf(plan, index), tools))
    }
  }
  const fire = async (): Promise<void> => {
    for (const disturbance of disturbancesOf(plan)) {
      await pause(Math.max(0, disturbance.atMs - now()), undefined, { signal: time }).catch(
        () => {},
      )
      if (time.aborted) return
      site.disturb(disturbance)
    }
  }
  const look = async (): Promise<void> => {
    while (isFound !== null && !time.aborted) {
      await pause(LOOK_MS, undefined, { signal: time }).catch(() => {})
      if (!time.aborted && (await isFound())) end()
    }
  }
  await Promise.all([fire(), look(), ...Array.from({ length: CLIENTS }, client)])
  clearTimeout(timer)
}

/** Whether orders, or operations that have ended, prove a fault, whatever comes after them. */
async function shows(backend: Backend, operations: OperationHistory[]): Promise<boolean> {
  // A store that is away just now is asked again.
  const rows = await backend.orders().catch(() => [])
  if (new Set(rows.map(({ sku }) => sku)).size < rows.length) return true
  const { isExternal, mayForget } = backend
  const { violations } = check({ operations, rows, events: [], isExternal, mayForget })
  return violations.some(({ kind }) => kind === 'falseRefused')
}

/** Asks about everything that is not settled, and again about some that is. */
async function settleAll(
  site: Site,
  plan: PlanSettings,
  operations: readonly OperationHistory[],
  now: () => number,
): Promise<void> {
  const { signal: never } = new AbortController()
  setMaxListeners(0, never)
  const tools: ClientTools = { doors: site.shops.map(({ door }) => door.port), now, stop: never }
  const open = operations
    .map(history => ({ history, plan: operationOf(plan, history.index) }))
    .filter(one => one.history.conclusion !== 'not accepted')
    .filter(one => one.plan.repeats || one.history.conclusion !== 'accepted')
  const settler = async (): Promise<void> => {
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      await settle(one.plan, one.history, tools)
    }
  }
  await Promise.all(Array.from({ length: SETTLERS }, settler))
}

function isOutside(plant: TortureOptions['plant']): boolean {
  return plant === 'outside-transaction' || plant === 'no-join'
}

function isSent({ exchanges }: OperationHistory): boolean {
  return exchanges.some(({ method }) => method === 'POST')
}
