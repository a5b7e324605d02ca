/**
 * The shop and its operator as programs. `POE_STORE` names the store, `CHARGES` the file that
 * stands for the provider.
 *
 *     main.ts serve
 *     main.ts list
 *     main.ts show <key>
 *     main.ts happened <key> <owner> <location>
 *     main.ts did-not-happen <key> <owner>
 */
import { appendFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { anyone, poe } from 'post-once-exactly/koa'
import { createShop } from './app.js'
import { itDidNotHappen, itHappened, listUndecided } from './operator.js'
import { openStore } from './stores.js'

const { env } = process
const [command = '', key = '', owner = '', location = ''] = process.argv.slice(2)

/** Crashes are made with `CHARGE_BEFORE_MS` and `CHARGE_AFTER_MS`: pauses around the charge. */
async function charge(reference: string): Promise<string> {
  console.log(`charging ${reference}`)
  await pause(Number(env.CHARGE_BEFORE_MS ?? 0))
  appendFileSync(env.CHARGES ?? 'charges.txt', `${reference}\n`)
  console.log(`charged ${reference}`)
  await pause(Number(env.CHARGE_AFTER_MS ?? 0))
  return encodeURIComponent(reference)
}

async function operate(): Promise<void> {
  const { store, close } = await openStore(env.POE_STORE ?? 'sqlite:shop.db')
  if (command === 'serve') {
    const server = createShop(store, charge, Number(env.LEASE_MS ?? 15_000))
    server.listen(Number(env.PORT ?? 3000), '127.0.0.1', () => {
      console.log(`listening on ${(server.address() as AddressInfo).port}`)
    })
    return
  }
  const once = poe({ store, principal: anyone })
  if (command === 'list') for (const line of await listUndecided(once)) console.log(line)
  else if (command === 'show') console.log(await once.inspect(key))
  else if (command === 'happened') console.log(await itHappened(once, key, owner, location))
  else if (command === 'did-not-happen') console.log(await itDidNotHappen(once, key, owner))
  else throw new Error('Say serve, list, show, happened or did-not-happen.')
  await once.close()
  await close()
}

await operate()
