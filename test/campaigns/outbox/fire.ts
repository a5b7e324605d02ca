/** Kills shops and workers at random, and freezes workers that wait for the provider. */
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../../support/meeting.js'
import type { Freeze, Told } from './judge.js'
import type { Life } from './life.js'
import type { Asked, Provider } from './provider.js'

/** How many processes are killed at least, however slow the machine is. */
const LEAST_KILLS = 3
/** For how long at most, where a slow machine has not come to that. */
const LONGEST_MS = 60_000
/** In which a machine under load frees what a frozen worker has, and has it delivered. */
const DELIVERED_MS = 15_000
/** When nobody says anything for so long, it was frozen while it held the database's lock. */
const SILENT_MS = 3_000

/** What the fire goes by. */
export interface Burning {
  readonly lives: readonly Life[]
  readonly provider: Provider
  readonly told: readonly Told[]
  /** Filled with what was frozen when. */
  readonly frozen: Freeze[]
  readonly random: () => number
  readonly forMs: number
  /** Whether a fault on purpose was seen: then it is over. */
  readonly isFound: () => boolean
}

/** What was done. */
export interface FireCounts {
  readonly kills: number
  readonly freezes: number
  /** How many frozen workers said how an attempt ended after another one had delivered it. */
  readonly lateWords: number
}

/** Kills and freezes, for so long; longer where the machine is slow. */
export async function burn(burning: Burning): Promise<FireCounts> {
  const { lives, random, forMs, isFound } = burning
  const startMs = performance.now()
  const counts = { kills: 0, freezes: 0, lateWords: 0 }
  const risen: Promise<void>[] = []
  const isOver = (): boolean => {
    const pastMs = performance.now() - startMs
    const isEnough = counts.kills >= LEAST_KILLS && counts.lateWords > 0
    return isFound() || pastMs > LONGEST_MS || (pastMs > forMs && isEnough)
  }
  while (!isOver()) {
    await pause(100 + random() * 300)
    const life = lives[Math.floor(random() * lives.length)]
    if (life?.isUp !== true) continue
    if (life.settings.role === 'worker' && (counts.lateWords === 0 || random() < 0.25)) {
      counts.freezes += 1
      if (await speaksLate(life, burning)) counts.lateWords += 1
    } else {
      counts.kills += 1
      await life.kill()
      risen.push(life.rise())
    }
  }
  await Promise.all(risen)
  return counts
}

/** Freezes a worker that waits for the provider until another one has delivered its message. */
async function speaksLate(life: Life, { provider, told, frozen }: Burning): Promise<boolean> {
  const { pid } = life
  // At an odd attempt its handler waits for the answer, whatever happens to the lease.
  const isOpen = (one: Asked) => one.worker === pid && !one.isAnswered && one.attempt % 2 === 1
  await until(() => provider.asked.some(isOpen), 'a delivery', 2_000).catch(() => {})
  provider.hold(pid)
  const ask = provider.asked.find(isOpen)
  const freeze = { worker: pid, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY }
  frozen.push(freeze)
  life.freeze()
  const isTold = (types: readonly string[], isThis: (one: Told) => boolean) => () =>
    told.some(one => one.key === ask?.key && types.includes(one.type) && isThis(one))
  const byOther = isTold(['outbox-delivered'], one => one.pid !== pid)
  const isStill = stillness(told)
  const isDone = () => ask === undefined || byOther() || isStill()
  await until(isDone, 'its delivery', DELIVERED_MS).catch(() => {})
  const isLate = byOther()
  provider.release(pid)
  life.wake()
  freeze.toMs = performance.now()
  if (!isLate) return false
  const ends = ['outbox-late', 'outbox-delivered']
  const byThis = isTold(ends, one => one.pid === pid && one.attempt === ask?.attempt)
  await until(byThis, 'a late word', DELIVERED_MS).catch(() => {})
  return byThis()
}

/** Whether it has not grown for long. */
function stillness(told: readonly Told[]): () => boolean {
  let size = told.length
  let sinceMs = performance.now()
  return () => {
    if (told.length !== size) {
      size = told.length
      sinceMs = performance.now()
    }
    return performance.now() - sinceMs > SILENT_MS
  }
}
