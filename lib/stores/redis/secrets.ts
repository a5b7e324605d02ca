/**
 * The signing secrets that a Redis server keeps: one text, made once, replaced only as it was seen.
 */
import type { StoredSecret } from '../../engine/store.js'
import { PoeError } from '../../errors.js'
import { newSecrets } from '../arguments.js'
import type { RedisExchange } from './exchange.js'
import { REPLACE_SECRETS } from './scripts.js'

/** The secrets under one prefix. */
export class Secrets {
  readonly #exchange: RedisExchange
  readonly #name: string

  constructor(exchange: RedisExchange, prefix: string) {
    this.#exchange = exchange
    this.#name = `${prefix}:secrets`
  }

  /** Keeps `proposed` if there are none yet, and gives those that there are. */
  async keep(
    proposed: readonly StoredSecret[],
    withinMs?: number,
  ): Promise<readonly StoredSecret[]> {
    const own = proposed.map(({ id, key }): StoredSecret => ({ id, key }))
    // A look first: what might write is refused by a server that is full.
    const known = await this.#exchange.command(this.#name, ['get', this.#name], withinMs)
    if (known !== null) return readSecrets(known)
    if (own.length === 0) return own
    const made = ['set', this.#name, JSON.stringify(own), 'NX', 'GET']
    const kept = await this.#exchange.command(this.#name, made, withinMs)
    return kept === null ? own : readSecrets(kept)
  }

  /** See `StoreAdmin.replaceSecrets`. */
  async replace(expectedIds: readonly string[], next: readonly StoredSecret[]): Promise<boolean> {
    const secrets = newSecrets(next)
    const kept = await this.#exchange.command(this.#name, ['get', this.#name])
    if (kept === null) return false
    if (
      readSecrets(kept)
        .map(({ id }) => id)
        .join() !== expectedIds.join()
    )
      return false
    const replaced = await this.#exchange.run({
      script: REPLACE_SECRETS,
      keys: [this.#name],
      args: [String(kept), JSON.stringify(secrets)],
      slot: this.#name,
    })
    return replaced === 1
  }
}

/** What is there is never quoted, in no message: it may be most of a secret. */
function readSecrets(kept: unknown): StoredSecret[] {
  try {
    const list: unknown = JSON.parse(String(kept))
    if (Array.isArray(list)) return list as StoredSecret[]
  } catch {
    // The parser's error has the text in it.
  }
  throw new PoeError('ERR_POE_SECRETS')
}
