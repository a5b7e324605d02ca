/**
 * The payment provider of the campaign: it honours keys, and its answers are often late, wrong or
 * lost. What it saw is what the campaign is judged by.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Latch, latch } from '../../support/meeting.js'

/** One request that came, by its time. */
export interface Asked {
  readonly key: string
  readonly attempt: number
  /** The process that asked. */
  readonly worker: number
  readonly fromMs: number
  /** When it was answered or cut off; `null` while it is not. */
  untilMs: number | null
  /** Whether its answer is on the way. */
  isAnswered: boolean
}

/** What the provider knows. */
export interface Provider {
  readonly url: string
  readonly asked: readonly Asked[]
  /** The key of each order's payment; several where an order was paid by several keys. */
  readonly payments: ReadonlyMap<string, ReadonlySet<string>>
  /** From now on this process gets no answer; after {@link Provider.release} a good one. */
  hold(worker: number): void
  release(worker: number): void
  /** From now on every answer is quick and right. */
  behave(): void
  close(): Promise<void>
}

/** Opens it. */
export async function openProvider(random: () => number): Promise<Provider> {
  const asked: Asked[] = []
  const payments = new Map<string, Set<string>>()
  const held = new Map<number, Latch>()
  let isGood = false

  async function take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const key = String(req.headers['idempotency-key'])
    const entry: Asked = {
      ...{
        key,
        attempt: Number(req.headers['x-attempt']),
        worker: Number(req.headers['x-worker']),
      },
      ...{ fromMs: performance.now(), untilMs: null, isAnswered: false },
    }
    asked.push(entry)
    res.once('close', () => {
      entry.untilMs = performance.now()
    })
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const { order } = JSON.parse(String(Buffer.concat(chunks))) as { order: string }
    // While one worker is frozen the others are soon through: its late word is what is waited for.
    const isSound = isGood || held.size > 0
    let chance = isSound ? 1 : random()
    if (!isSound) await pause(random() * 300)
    for (let door = held.get(entry.worker); door !== undefined; door = held.get(entry.worker)) {
      await door.opened
      chance = 1
    }
    entry.isAnswered = true
    if (chance < 0.1) return void res.writeHead(500).end()
    const keys = payments.get(order) ?? new Set()
    payments.set(order, keys.add(key))
    if (chance < 0.2) res.writeHead(502).end()
    else if (chance < 0.3) res.destroy()
    else res.writeHead(201).end()
  }

  const server = createServer((req, res) => {
    take(req, res).catch(() => res.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    payments,
    hold(worker) {
      held.set(worker, latch())
    },
    release(worker) {
      held.get(worker)?.open()
      held.delete(worker)
    },
    behave() {
      isGood = true
    },
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}
