/**
 * The shop as a process, and what stands between it and the client: a proxy that loses and cuts,
 * or a gateway that fails or sends twice.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type OneShop, openShop, stall } from '../one-shop.js'
import { startGateway } from './http-faults.js'
import type { Mix } from './mixes.js'

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
  /** The skus of all orders, other mixes' too, read from the database. */
  orders(): Promise<readonly string[]>
  close(): Promise<void>
}

/**
 * Starts the faults of a mix.
 *
 * @param shared - a shop that other mixes use as well, before and after; else it has its own
 */
export async function startSite(mix: Mix, random: () => number, shared?: OneShop): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'once-client-'))
  const { shop, skus, close } = shared ?? (await openShop(mix.store ?? 'sqlite'))
  const proxy = shop.door
  let isCalm = false
  const fate = () => (isCalm ? 'pass' : (mix.fate?.(random) ?? 'pass'))
  const gateway = await startGateway(proxy.port, fate)
  let faults = 0
  let kills = 0

  async function killShop(): Promise<void> {
    kills += 1
    await shop.kill()
    await shop.rise()
  }

  async function disturb(): Promise<void> {
    while (!isCalm) {
      await pause(mix.everyMs * (0.5 + random()))
      if (isCalm) return
      const fault = mix.fault?.(random)
      if ((fault !== undefined && fault !== 'pass') || mix.stallsShop) faults += 1
      if (fault !== undefined) await proxy.set(fault)
      if (mix.killsShop) await killShop()
      if (mix.stallsShop) stall(shop, random)
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
    orders: skus,
    async close() {
      await calm()
      await gateway.close()
      if (shared === undefined) await close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
