/**
 * A process whose files may not grow beyond a limit: writes until the disk fails, and tells how.
 */
import { sqliteStore } from '../../../lib/stores/sqlite.js'
import { claimState, outcome } from './claims.js'

const store = sqliteStore(process.argv[2] ?? '')
const body = outcome('x'.repeat(20_000))
const spent: string[] = []
let code = ''
for (let index = 0; index < 200 && code === ''; index += 1) {
  try {
    const key = `key-${index}`
    await claimState(store, key)
    await store.complete(key, 'owner', body)
    spent.push(key)
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error)
  }
}
let kept = 0
for (const key of spent) if ((await store.read(key, null)).state === 'spent') kept += 1
await store.close()
console.log(JSON.stringify({ code, spent: spent.length, kept }))
