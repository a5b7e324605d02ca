/**
 * Carries a streamed body to the client and keeps a copy for the record.
 *
 * The copy does not wait for a slow client as long as it is within the limit, and it goes on when
 * the client has left: the POST counts all the same. Where nothing is kept any more, the source is
 * closed as soon as the client leaves.
 */
import type { Duplex, Readable, Writable } from 'node:stream'
import { Unsaid } from './unsaid.js'

const END: IteratorResult<unknown> = { done: true, value: undefined }

/** One streamed body on its way. */
export class BodyPump {
  readonly #source: AsyncIterable<unknown> | Readable
  readonly #chunks: AsyncIterator<unknown>
  readonly #client: Writable | null
  readonly #limitBytes: number
  #kept: Uint8Array[] | null = []
  #keptBytes = 0
  #first: IteratorResult<unknown> = END
  #cause: Error | null = null
  /** Ends the wait for a chunk, or for room. */
  #wake: () => void = () => {}

  /**
   * @param source - where the body comes from
   * @param client - where it goes; it is ended, or destroyed if the source breaks; `null` where
   *   nobody takes it
   * @param limitBytes - the largest body that is kept; a larger one still reaches the client
   */
  constructor(source: AsyncIterable<unknown>, client: Writable | null, limitBytes: number) {
    this.#source = source
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

  /** Closes the source: its body is not wanted. A claim around this one may wait for it. */
  drop(cause: unknown = new Unsaid('The body was not wanted.')): void {
    closeSource(this.#source, this.#chunks)
    if (this.#client !== null) breakOff(this.#client, cause)
  }

  /** Keeps no copy: what flows is no outcome. */
  keepNothing(): void {
    this.#kept = null
  }

  /** Breaks the body off, wherever it is; {@link BodyPump.flow} throws the cause then. */
  end(cause: Error): void {
    this.#cause = cause
    this.#wake()
  }

  /**
   * Carries everything to the client.
   *
   * @param keep - told the whole body, or `null` when it was too large to keep, before the client
   *   is told that the body is complete
   * @throws what the source fails with on its way, or what {@link BodyPump.end} was told
   */
  async flow(keep: (bytes: Uint8Array | null) => Promise<void>): Promise<void> {
    const leave = (): void => {
      if (this.#kept === null) this.#wake()
    }
    this.#client?.once('close', leave)
    try {
      await this.#carry()
      await keep(this.#kept === null ? null : Buffer.concat(this.#kept))
      this.#client?.end()
    } catch (cause) {
      this.drop(cause)
      throw cause
    } finally {
      this.#client?.off('close', leave)
    }
  }

  async #carry(): Promise<void> {
    let next = this.#first
    while (next.done !== true) {
      const chunk = asBytes(next.value)
      this.#keep(chunk)
      await this.#send(chunk)
      next = this.#isOver ? END : await this.#next()
    }
    if (this.#cause !== null) throw this.#cause
    if (this.#isOver) this.drop()
  }

  #next(): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(END)
      this.#chunks.next().then(resolve, reject)
    })
  }

  get #isOver(): boolean {
    return this.#cause !== null || (this.#isGone && this.#kept === null)
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
    await this.#drained(client)
  }

  #drained(client: Writable): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        client.off('drain', done)
        client.off('close', done)
        resolve()
      }
      this.#wake = done
      client.on('drain', done)
      client.on('close', done)
    })
  }
}

/**
 * Closes the source of a body that nobody reads, or reads on.
 *
 * @param chunks - where somebody has begun to read it
 */
export function closeSource(
  source: AsyncIterable<unknown> | Readable,
  chunks: AsyncIterator<unknown> = source[Symbol.asyncIterator](),
): void {
  // A source that fails to close has nobody left to tell.
  Promise.resolve(chunks.return?.()).catch(() => {})
  // While a chunk is waited for, the iterator alone would close it only after that.
  const stream = source as Partial<Readable>
  stream.on?.('error', () => {})
  stream.destroy?.()
}

/**
 * Ends a body in the middle. Where nobody has begun to read it, that waits: what came before the
 * break makes the difference between a broken answer and none at all.
 */
function breakOff(client: Writable, cause: unknown): void {
  const error = cause instanceof Error ? cause : new Error('the body broke off', { cause })
  const { readableFlowing } = client as Partial<Duplex>
  if (readableFlowing !== null) {
    client.destroy(error)
    return
  }
  const destroySoon = () => queueMicrotask(() => client.destroy(error))
  client.once('resume', destroySoon)
  // As the claim around this one reads it.
  client.on('newListener', event => {
    if (event === 'readable') destroySoon()
  })
}

function asBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new TypeError(`a body stream gave a ${typeof chunk}; chunks are strings or bytes`)
}
