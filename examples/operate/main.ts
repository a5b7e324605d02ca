/**
 * The shop as a program. `POE_STORE` names the store, `CHARGES` the file that stands for the
 * provider. Its operator uses `poe store`.
 */
import { appendFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createShop } from './app.js'
import { openStore } from './stores.js'

const { env } = process

/** Crashes are made with `CHARGE_BEFORE_MS` and `CHARGE_AFTER_MS`: pauses around the charge. */
async function charge(reference: string): Promise<string> {
  console.log(`charging ${reference}`)
  await pause(Number(env.CHARGE_BEFORE_MS ?? 0))
  appendFileSync(env.CHARGES ?? 'charges.txt', `${reference}\n`)
  console.log(`charged ${reference}`)
  await pause(Number(env.CHARGE_AFTER_MS ?? 0))
  return encodeURIComponent(reference)
}

const { store } = await openStore(env.POE_STORE ?? 'sqlite:shop.db')
const server = createShop(store, charge, Number(env.LEASE_MS ?? 15_000))
server.listen(Number(env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`)
})
