/**
 * One connection of a fault proxy: two sockets, and what the fault of the moment does to the bytes
 * between them.
 */
import { connect, type Socket } from 'node:net'

/**
 * What happens to the bytes of a connection.
 *
 * - `pass`: nothing.
 * - `drop-reply`: the server gets everything; at the first byte of its reply the client is cut
 *   off. The server is not disturbed: what it still sends is swallowed.
 * - `drop-request`: the server sees nothing; the client is cut off when it has been silent for
 *   `quietMs` (default 20).
 * - `cut`: both sides are cut off as soon as so many bytes were passed one way.
 * - `delay`: every byte, and the end, comes so many milliseconds later.
 * - `half-open`: the connection is accepted, and nothing ever comes back, not even an end.
 * - `refuse`: the port is closed; connections that are open go on.
 * - `reset`: the connection is reset as soon as it is there, an open one at its next byte.
 *
 * `reset: true` cuts the client off with RST instead of FIN. Byte counts start anew when the fault
 * is set. A connection that has lost bytes keeps the fault that has lost them.
 */
export type Fault =
  | { readonly kind: 'pass' | 'half-open' | 'refuse' | 'reset' }
  | { readonly kind: 'drop-reply'; readonly reset?: boolean }
  | { readonly kind: 'drop-request'; readonly quietMs?: number; readonly reset?: boolean }
  | {
      readonly kind: 'cut'
      readonly requestBytes?: number
      readonly replyBytes?: number
      readonly reset?: boolean
    }
  | { readonly kind: 'delay'; readonly requestMs?: number; readonly replyMs?: number }

/** What went through a proxy since it was made. */
export interface FaultCounts {
  /** Connections accepted. */
  readonly connections: number
  /** Connections open now. */
  readonly open: number
  /** Connections that the proxy cut off or reset. */
  readonly cut: number
  /** Bytes passed on to the server. */
  readonly requestBytes: number
  /** Bytes passed on to clients. */
  readonly replyBytes: number
  /** Bytes that came from clients and were not passed on. */
  readonly lostRequestBytes: number
  /** Bytes that came from the server and were not passed on. */
  readonly lostReplyBytes: number
  /** Connections to the server that failed. */
  readonly serverErrors: number
}

/** The counts of a proxy, as its connections add to them. */
export type Tally = { -readonly [Name in Exclude<keyof FaultCounts, 'open'>]: number }

/** What a {@link Relay} is made of. */
export interface RelayOptions {
  readonly client: Socket
  readonly target: { readonly host?: string; readonly port: number }
  readonly tally: Tally
  /** The fault of the moment; asked at every event. */
  readonly fault: () => Fault
}

/**
 * How long a reset waits for the bytes before it, in milliseconds: a receiver that meets both at
 * once takes the reset for an orderly end.
 */
const BEFORE_RESET_MS = 10

/** Relays the bytes of one accepted connection, as well as its fault allows. */
export class Relay {
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<void>
  readonly #options: RelayOptions
  readonly #client: Socket
  readonly #toServer = new Lane()
  readonly #toClient = new Lane()
  readonly #seen = { request: 0, reply: 0 }
  #server: Socket | null = null
  #cutting: NodeJS.Timeout | undefined
  #counted: Fault | null = null
  /** Nothing is passed any more: the client is cut off, or about to be. */
  #deaf = false
  /** The fault that has lost bytes of it: it stays. */
  #lossy: Fault | null = null
  #open = 1
  #settle: () => void = () => {}

  /** @param options - see {@link RelayOptions} */
  constructor(options: RelayOptions) {
    this.#options = options
    this.#client = options.client
    this.closed = new Promise(resolve => {
      this.#settle = resolve
    })
    this.#client.on('data', chunk => this.#onData('request', chunk))
    this.#client.on('end', () => this.#onEnd('request'))
    this.#client.on('error', () => {})
    onceGone(this.#client, hadError => this.#onClose('request', hadError))
    const fate = fateOf(options.fault(), 'request')
    if (fate.pass) this.#connect()
    else if (fate.next === 'reset') this.cut(true)
  }

  /**
   * Cuts off both sides.
   *
   * @param reset - by RST instead of FIN
   */
  cut(reset: boolean): void {
    this.#cutClient(reset)
    if (this.#server !== null) hangUp(this.#server, reset)
  }

  /** Closes both sockets without counting it as a fault. */
  destroy(): void {
    this.#deaf = true
    this.#client.destroy()
    this.#server?.destroy()
  }

  #connect(): Socket {
    if (this.#server !== null) return this.#server
    const { host = '127.0.0.1', port } = this.#options.target
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true })
    this.#server = server
    this.#open += 1
    server.on('data', chunk => this.#onData('reply', chunk))
    server.on('end', () => this.#onEnd('reply'))
    server.on('error', error => {
      if ('syscall' in error && error.syscall === 'connect') this.#options.tally.serverErrors += 1
    })
    onceGone(server, hadError => this.#onClose('reply', hadError))
    return server
  }

  #onData(way: Way, chunk: Buffer): void {
    const fault = this.#currentFault()
    const fate = fateOf(fault, way)
    const before = this.#seen[way]
    this.#seen[way] += chunk.length
    if (this.#deaf || !fate.pass) {
      this.#lose(way, chunk)
      if (this.#deaf || fate.pass) return
      // No network loses bytes in the middle and passes what comes after them.
      this.#lossy = fault
      this.#follow(fate, fault)
    } else if (this.#seen[way] < fate.limit) {
      this.#pass(way, chunk, fate.delayMs)
    } else {
      this.#lose(way, chunk.subarray(fate.limit - before))
      this.#passLast(way, chunk.subarray(0, fate.limit - before), isReset(fault))
    }
  }

  #onEnd(way: Way): void {
    const fault = this.#currentFault()
    const fate = fateOf(fault, way)
    if (this.#deaf) return
    if (!fate.pass) this.#follow(fate, fault)
    else this.#lane(way).push(fate.delayMs, () => this.#to(way).end())
  }

  /** One side is gone: so is the other, after what is still on its way to it. */
  #onClose(way: Way, hadError: boolean): void {
    clearTimeout(this.#cutting)
    this.#open -= 1
    if (this.#open === 0) {
      this.#toServer.clear()
      this.#toClient.clear()
      this.#settle()
      return
    }
    if (way === 'reply' && this.#deaf) return
    const fate = fateOf(this.#currentFault(), way)
    const other = this.#to(way)
    other.resume()
    // Without an error it is enough to say that no more comes: after a dropped reply, the server
    // is not to notice more than that.
    this.#lane(way).push(fate.pass ? fate.delayMs : 0, () => {
      if (hadError) other.resetAndDestroy()
      else other.end()
    })
  }

  #follow({ next }: Loss, fault: Fault): void {
    clearTimeout(this.#cutting)
    if (next === 'cut-client') this.#cutClient(isReset(fault))
    else if (next === 'reset') this.cut(true)
    else if (next !== 'nothing') {
      this.#cutting = setTimeout(() => this.cut(isReset(fault)), next.quietMs)
    }
  }

  #pass(way: Way, chunk: Buffer, delayMs: number): void {
    const [from, to] = [this.#from(way), this.#to(way)]
    this.#options.tally[`${way}Bytes`] += chunk.length
    this.#lane(way).push(delayMs, () => {
      if (!to.writable || to.write(chunk)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
  }

  /** The bytes that were promised must be on their way before the connection is cut. */
  #passLast(way: Way, chunk: Buffer, reset: boolean): void {
    this.#options.tally[`${way}Bytes`] += chunk.length
    this.#deaf = true
    const cut = (): void => {
      this.#cutting = setTimeout(() => this.cut(reset), reset ? BEFORE_RESET_MS : 0)
    }
    // Behind what a fault before this one has delayed.
    this.#lane(way).push(0, () => {
      if (chunk.length === 0) this.cut(reset)
      else this.#to(way).write(chunk, cut)
    })
  }

  #lose(way: Way, chunk: Buffer): void {
    this.#options.tally[way === 'request' ? 'lostRequestBytes' : 'lostReplyBytes'] += chunk.length
  }

  #cutClient(reset: boolean): void {
    this.#deaf = true
    if (this.#client.destroyed) return
    this.#options.tally.cut += 1
    this.#toClient.clear()
    hangUp(this.#client, reset)
  }

  #from(way: Way): Socket {
    return way === 'request' ? this.#client : this.#connect()
  }

  #to(way: Way): Socket {
    return way === 'request' ? this.#connect() : this.#client
  }

  #lane(way: Way): Lane {
    return way === 'request' ? this.#toServer : this.#toClient
  }

  #currentFault(): Fault {
    const fault = this.#lossy ?? this.#options.fault()
    if (fault !== this.#counted) {
      this.#counted = fault
      this.#seen.request = 0
      this.#seen.reply = 0
    }
    return fault
  }
}

/** Which way bytes go: to the server, or to the client. */
type Way = 'request' | 'reply'

/** Bytes are passed on, after a delay, and up to a number of them. */
interface Passage {
  readonly pass: true
  readonly delayMs: number
  readonly limit: number
}

/** Bytes are lost, and something follows from it. */
interface Loss {
  readonly pass: false
  readonly next: 'nothing' | 'cut-client' | 'reset' | { readonly quietMs: number }
}

function fateOf(fault: Fault, way: Way): Passage | Loss {
  const free: Passage = { pass: true, delayMs: 0, limit: Number.POSITIVE_INFINITY }
  switch (fault.kind) {
    case 'pass':
    case 'refuse':
      return free
    case 'delay':
      return { ...free, delayMs: (way === 'request' ? fault.requestMs : fault.replyMs) ?? 0 }
    case 'cut':
      return { ...free, limit: fault[`${way}Bytes`] ?? free.limit }
    case 'drop-reply':
      return way === 'request' ? free : { pass: false, next: 'cut-client' }
    case 'drop-request':
      return { pass: false, next: way === 'reply' ? 'nothing' : { quietMs: fault.quietMs ?? 20 } }
    case 'half-open':
      return { pass: false, next: 'nothing' }
    case 'reset':
      return { pass: false, next: 'reset' }
  }
}

/** Things to do one after the other, each not before its time. */
class Lane {
  readonly #due: { readonly atMs: number; readonly action: () => void }[] = []
  #timer: NodeJS.Timeout | undefined

  push(delayMs: number, action: () => void): void {
    if (delayMs <= 0 && this.#due.length === 0) {
      action()
      return
    }
    this.#due.push({ atMs: performance.now() + delayMs, action })
    if (this.#due.length === 1) this.#arm()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#due.length = 0
  }

  #arm(): void {
    const [first] = this.#due
    if (first === undefined) return
    const waitMs = Math.max(Math.ceil(first.atMs - performance.now()), 0)
    this.#timer = setTimeout(() => {
      this.#due.shift()
      first.action()
      this.#arm()
    }, waitMs)
  }
}

function isReset(fault: Fault): boolean {
  return 'reset' in fault && fault.reset === true
}

/**
 * Tells once that a socket is gone. A socket that is destroyed while its reset is still under way
 * may say so by an error of `reset` alone: Node then emits no `close`.
 */
function onceGone(socket: Socket, gone: (hadError: boolean) => void): void {
  let isGone = false
  const tell = (hadError: boolean): void => {
    if (!isGone) gone(hadError)
    isGone = true
  }
  socket.once('close', tell)
  socket.on('error', error => {
    if ('syscall' in error && error.syscall === 'reset') tell(true)
  })
}

function hangUp(socket: Socket, reset: boolean): void {
  if (reset) socket.resetAndDestroy()
  else socket.destroy()
}
