/**
 * The situations in which the store goes away: the same for every door at once, because it is one
 * store.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { aroundStore } from '../../support/around-store.js'
import type { StoreKind } from '../../support/stores.js'
import { type DoorsSite, type MakeDoors, startDoors } from './doors-app.js'
import { DOORS, type Door, type Operation, operationAt } from './operations.js'
import { tell } from './situations.js'

/** One of them. */
export interface Outage {
  readonly id: string
  readonly title: string
  /** What happens in turn: the store goes or comes back, or every door is asked. */
  readonly steps: readonly ('down' | 'cannot-record' | 'up' | 'ask')[]
}

/** All of them. */
export const OUTAGES: readonly Outage[] = [
  {
    id: 'store-down-before',
    title: 'the store cannot be reached, then it is back',
    steps: ['down', 'ask', 'up', 'ask'],
  },
  {
    id: 'store-down-during',
    title: 'the store fails while the success is recorded, then it is back',
    steps: ['cannot-record', 'ask', 'up', 'ask'],
  },
  {
    id: 'store-down-after',
    title: 'the store goes after the success, then it is back',
    steps: ['ask', 'down', 'ask', 'up', 'ask'],
  },
]

/** Plays an outage, and tells what each door said, effects included. */
export async function playOutage(
  outage: Outage,
  kind: StoreKind,
  make?: MakeDoors,
): Promise<Readonly<Record<Door, string>>> {
  let mode: Outage['steps'][number] = 'up'
  const site = await startDoors(kind, {
    ...(make && { make }),
    wrapStore: store =>
      aroundStore(store, (method, _key, call) => {
        const fails = mode === 'down' || (mode === 'cannot-record' && method === 'complete')
        return fails && method !== 'close' ? Promise.reject(new Error('ECONNREFUSED')) : call()
      }),
  })
  try {
    const operations = await Promise.all(
      DOORS.map(async door => [door, await operationAt(site, door)] as const),
    )
    const told = new Map<Door, string[]>(DOORS.map(door => [door, []]))
    for (const step of outage.steps) {
      if (step === 'ask') await askAll(operations, told, mode === 'up')
      else mode = step
    }
    return Object.fromEntries(
      operations.map(([door, { id }]) => [door, inWords(site, id, told.get(door) ?? [])]),
    ) as Record<Door, string>
  } finally {
    await site.close()
  }
}

/**
 * @param isUp - what is pending for the store is paid within a moment of its coming back: who is
 *   told to come later does so
 */
async function askAll(
  operations: readonly (readonly [Door, Operation])[],
  told: ReadonlyMap<Door, string[]>,
  isUp: boolean,
): Promise<void> {
  await Promise.all(
    operations.map(async ([door, operation]) => {
      let words = await tell(await operation.send())
      for (let times = 0; isUp && times < 50 && words.endsWith(' later'); times += 1) {
        await pause(200)
        words = await tell(await operation.send())
      }
      told.get(door)?.push(words)
    }),
  )
}

function inWords(site: DoorsSite, id: string, told: readonly string[]): string {
  const effects = site.effectsOf(id)
  return `${told.join(', then ')}; ${effects === 1 ? '1 effect' : `${effects} effects`}`
}
