/**
 * The shop as a process, and what stands between it and the client: a proxy that loses and cuts,
 * or a gateway that fails.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { faultProxy } from 'post-once-exactly/testing'
import { end, type ShopProcess, startShop } from '../../../examples/shop/support.js'
import { ordersIn } from '../../support/campaign.js'
import { startGateway } from './http-faults.js'
import type { Mix } from './mixes.js'

/** A claim of a shop that was killed is free after this, in milliseconds. */
const LEASE_MS = 1_000

/** A shop behind faults. */
export interface Site {
  /** Where the client goes. */
  readonly origin: string
  readonly folder: string
  /** Faults so far. */
  readonly faults: number
  /** Kills so far. */
  readonly kills: number
  /** No more faults; the shop is up. */
  calm(): Promise<void>
  /** The skus of all orders, read from the database. */
  orders(): readonly string[]
  close(): Promise<void>
}

/** Starts a shop and the faults of a mix. */
export async function startSite(mix: Mix, random: () => number): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'once-client-'))
  const env = { POE_STORE: `sqlite:${join(folder, 'shop.db')}`, DEMO_LEASE_MS: String(LEASE_MS) }
  let shop = await startShop(env)
  const target = { port: portOf(shop) }
  const proxy = await faultProxy({ target })
  let isCalm = false
  const fate = () => (isCalm ? 'pass' : (mix.fate?.(random) ?? 'pass'))
  const gateway = await startGateway(() => target.port, fate)
  let faults = 0
  let kills = 0

  async function killShop(): Promise<void> {
    kills += 1
    await end(shop.child, 'SIGKILL')
    shop = await startShop(env)
    target.port = portOf(shop)
  }

  async function disturb(): Promise<void> {
    while (!isCalm) {
      await pause(mix.everyMs * (0.5 + random()))
      if (isCalm) return
      const fault = mix.fault?.(random)
      if (fault !== undefined && fault !== 'pass') faults += 1
      if (fault !== undefined) await proxy.set(fault)
      if (mix.killsShop) await killShop()
    }
  }
  const disturbing = disturb()
  const calm = async () => {
    isCalm = true
    await disturbing
    await proxy.set('pass')
  }

  return {
    origin: mix.fate === undefined ? proxy.origin : `http://127.0.0.1:${gateway.port}`,
    folder,
    get faults() {
      return faults + gateway.failed
    },
    get kills() {
      return kills
    },
    calm,
    orders: () => ordersIn(join(folder, 'shop.db')),
    async close() {
      await calm()
      await gateway.close()
      await proxy.close()
      await end(shop.child, 'SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function portOf({ origin }: ShopProcess): number {
  return Number(new URL(origin).port)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
