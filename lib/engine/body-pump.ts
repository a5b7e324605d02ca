/**
 * Carries a streamed body to the client and keeps a copy for the record.
 *
 * The copy does not wait for a slow client as long as it is within the limit, and it goes on when
 * the client has left: the POST counts all the same.
 */
import type { Duplex, Writable } from 'node:stream'

/** One streamed body on its way. */
export class BodyPump {
  readonly #chunks: AsyncIterator<unknown>
  readonly #client: Writable | null
  readonly #limitBytes: number
  #kept: Uint8Array[] | null = []
  #keptBytes = 0
  #first: IteratorResult<unknown> = { done: true, value: undefined }

  /**
   * @param source - where the body comes from
   * @param client - where it goes; it is ended, or destroyed if the source breaks; `null` where
   *   nobody takes it
   * @param limitBytes - the largest body that is kept; a larger one still reaches the client
   */
  constructor(source: AsyncIterable<unknown>, client: Writable | null, limitBytes: number) {
    this.#chunks = source[Symbol.asyncIterator]()
    this.#client = client
    this.#limitBytes = limitBytes
  }

  /**
   * Waits for the first chunk, or the end; comes before {@link BodyPump.flow}.
   *
   * @throws what the source fails with before its first chunk
   */
  async start(): Promise<void> {
    this.#first = await this.#chunks.next()
  }

  /** Closes the source: its body is not wanted. */
  drop(): void {
    // A source that fails to close has nobody left to tell.
    Promise.resolve(this.#chunks.return?.()).catch(() => {})
  }

  /**
   * Carries everything to the client.
   *
   * @param keep - told the whole body, or `null` when it was too large to keep, before the client
   *   is told that the body is complete
   * @throws what the source fails with on its way
   */
  async flow(keep: (bytes: Uint8Array | null) => Promise<void>): Promise<void> {
    try {
      await this.#carry()
      await keep(this.#kept === null ? null : Buffer.concat(this.#kept))
      this.#client?.end()
    } catch (cause) {
      this.drop()
      if (this.#client !== null) breakOff(this.#client, cause)
      throw cause
    }
  }

  async #carry(): Promise<void> {
    let next = this.#first
    while (next.done !== true) {
      const chunk = asBytes(next.value)
      this.#keep(chunk)
      await this.#send(chunk)
      if (this.#isGone && this.#kept === null) return this.drop()
      next = await this.#chunks.next()
    }
  }

  get #isGone(): boolean {
    return this.#client === null || this.#client.destroyed
  }

  #keep(chunk: Uint8Array): void {
    this.#keptBytes += chunk.byteLength
    if (this.#keptBytes > this.#limitBytes) this.#kept = null
    this.#kept?.push(chunk)
  }

  async #send(chunk: Uint8Array): Promise<void> {
    const client = this.#client
    if (client === null || client.destroyed) return
    const mayGoOn = client.write(chunk)
    if (mayGoOn || this.#kept !== null) return
    await drained(client)
  }
}

/**
 * Ends a body in the middle. Where nobody has begun to read it, that waits: what came before the
 * break makes the difference between a broken answer and none at all.
 */
function breakOff(client: Writable, cause: unknown): void {
  const error = cause instanceof Error ? cause : new Error('the body broke off', { cause })
  const { readableFlowing } = client as Partial<Duplex>
  if (readableFlowing !== null) client.destroy(error)
  else client.once('resume', () => queueMicrotask(() => client.destroy(error)))
}

function drained(client: Writable): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      client.off('drain', done)
      client.off('close', done)
      resolve()
    }
    client.on('drain', done)
    client.on('close', done)
  })
}

function asBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new TypeError(`a body stream gave a ${typeof chunk}; chunks are strings or bytes`)
}
