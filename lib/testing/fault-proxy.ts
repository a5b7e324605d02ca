/**
 * A TCP proxy that loses, cuts, delays and resets: the network's faults, on demand, for tests.
 *
 * It knows nothing of HTTP, so it stands before servers and stores alike.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { type Fault, type FaultCounts, Relay, type Tally } from './fault-relay.js'

export type { Fault, FaultCounts } from './fault-relay.js'

/** Options of {@link faultProxy}. */
export interface FaultProxyOptions {
  /** The server behind the proxy; `host` is `127.0.0.1` by default. */
  readonly target: { readonly host?: string; readonly port: number }
  /**
   * The fault to begin with.
   *
   * @defaultValue `pass`
   */
  readonly fault?: Fault | Fault['kind']
}

/** A running proxy. */
export interface FaultProxy {
  /** Always `127.0.0.1`. */
  readonly host: string
  /** The port that the system chose; the same as long as the proxy lives. */
  readonly port: number
  /** `http://host:port`, without a slash at the end. */
  readonly origin: string
  /** What went through so far; a new object each time. */
  readonly counts: FaultCounts
  /**
   * Sets the fault for new connections and, from their next byte on, for all that are open, but
   * for those that have one of their own or have lost bytes to the one before. Resolves when the
   * port is open or closed accordingly.
   */
  set(fault: Fault | Fault['kind']): Promise<void>
  /**
   * Gives the next connections a fault each, in order; it stays with its connection.
   *
   * @throws TypeError for `refuse`, which is not for single connections
   */
  next(...faults: readonly (Fault | Fault['kind'])[]): void
  /** Cuts off every open connection at once, by FIN or RST; returns how many there were. */
  cutAll(how?: 'close' | 'reset'): number
  /** Closes the port and every connection; resolves when nothing is open any more. */
  close(): Promise<void>
}

/**
 * Starts a proxy on a free port of 127.0.0.1.
 *
 * @param options - see {@link FaultProxyOptions}
 * @returns the proxy; `close` it after the test
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { target } = options
  const tally: Tally = {
    connections: 0,
    cut: 0,
    requestBytes: 0,
    replyBytes: 0,
    lostRequestBytes: 0,
    lostReplyBytes: 0,
    serverErrors: 0,
  }
  const relays = new Set<Relay>()
  const queue: Fault[] = []
  let fault = faultOf(options.fault ?? 'pass')

  function accept(client: Socket): void {
    tally.connections += 1
    const own = queue.shift()
    const relay = new Relay({ client, target, tally, fault: () => own ?? fault })
    relays.add(relay)
    void relay.closed.then(() => relays.delete(relay))
  }

  let server: Server | null = await listen(0, accept)
  const port = portOf(server)
  if (fault.kind === 'refuse') server = await closeListener(server)
  let turn: Promise<unknown> = Promise.resolve()

  async function apply(next: Fault): Promise<void> {
    fault = next
    if (next.kind === 'refuse') server = await closeListener(server)
    else server ??= await listen(port, accept)
  }

  return {
    host: '127.0.0.1',
    port,
    origin: `http://127.0.0.1:${port}`,
    get counts() {
      return { ...tally, open: relays.size }
    },
    set(next) {
      const done = turn.then(() => apply(faultOf(next)))
      turn = done.catch(() => {})
      return done
    },
    next(...faults) {
      const wanted = faults.map(faultOf)
      if (wanted.some(one => one.kind === 'refuse')) {
        throw new TypeError('A single connection cannot be refused; use set')
      }
      queue.push(...wanted)
    },
    cutAll(how = 'close') {
      const open = [...relays]
      for (const relay of open) relay.cut(how === 'reset')
      return open.length
    },
    async close() {
      await turn
      server = await closeListener(server)
      for (const relay of relays) relay.destroy()
      await Promise.all([...relays].map(relay => relay.closed))
    },
  }
}

function faultOf(fault: Fault | Fault['kind']): Fault {
  return typeof fault === 'string' ? { kind: fault } : fault
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

/** The port closes at once; `close` itself would wait for the last connection. */
function closeListener(server: Server | null): Promise<null> {
  server?.close()
  return Promise.resolve(null)
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port')
  return address.port
}
