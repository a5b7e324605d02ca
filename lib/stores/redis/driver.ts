/**
 * The two driver packages behind one face: `redis` (5 and newer) and `ioredis` (5 and newer), each
 * as a single client, with Sentinel or with Cluster. Told apart by what they can do; neither is
 * imported, so that nobody needs both.
 */
import { setImmediate } from 'node:timers'
import { describe } from '../../engine/checks.js'

/** What goes to the server as one argument. */
export type Argument = string | Buffer

/** Hears of a connection's failure. */
export type OnConnectionError = (error: Error) => void

/** What the store needs of an ioredis client: `Redis`, also with Sentinel, or `Cluster`. */
export interface IoredisClient {
  /** `ready` while commands are sent at once. */
  readonly status: string
  /** Begins to connect, where it was made with `lazyConnect`. */
  connect?(): Promise<unknown>
  /** Sends a command; strings in its reply are Buffers. */
  callBuffer(command: string, ...args: Argument[]): Promise<unknown>
  /** Collects commands that are sent together. */
  pipeline(): unknown
  /** Listens for errors of the connection. */
  on(event: 'error', listener: OnConnectionError): unknown
  /** Stops listening. */
  off(event: 'error', listener: OnConnectionError): unknown
}

/** What the store needs of node-redis: `createClient`, `createSentinel`. */
export interface NodeRedisClient {
  /** Whether commands are sent at once. */
  readonly isReady: boolean
  /** Gives the same client with other types in its replies. */
  withTypeMapping(mapping: object): unknown
  /** Sends a command. */
  sendCommand(...args: never[]): Promise<unknown>
  /** Listens for errors of the connection. */
  on(event: 'error', listener: OnConnectionError): unknown
  /** Stops listening. */
  off(event: 'error', listener: OnConnectionError): unknown
}

/** And of `createCluster`. */
export interface NodeRedisCluster extends Omit<NodeRedisClient, 'isReady'> {
  /** There from `redis` 6 on. */
  readonly isReady?: boolean
  /** Whether it has been told to connect. */
  readonly isOpen: boolean
  /** Names a node; no other client has it. */
  getSlotRandomNode(slot: number): unknown
}

/** A connected client of `redis` 5 or newer or of `ioredis` 5 or newer; no pool. */
export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisCluster

/** The reply to one of two commands that were sent together. */
export type Settled = { readonly reply: unknown } | { readonly error: unknown }

/** Sends commands; strings in replies are Buffers. */
export interface Driver {
  /** Whether keys of several slots may be far from each other. */
  readonly isCluster: boolean
  /** What the client puts before each key by itself. */
  readonly keyPrefix: string
  /** Whether a command would be sent now, and not be queued. */
  isReady(): boolean
  /** Sends a command to the node that keeps `key`. */
  send(key: string, command: readonly Argument[]): Promise<unknown>
  /**
   * Sends two commands together, on one connection to the node that keeps `key`. What neither is
   * about that node's data goes there all the same. Strings in the replies may be text.
   */
  sendBoth(
    key: string,
    first: readonly Argument[],
    second: readonly Argument[],
  ): Promise<readonly [Settled, Settled]>
  /** Listens to errors no more. */
  close(): void
}

/**
 * Finds out what a client is.
 *
 * @param where - the function's name, for the message
 * @throws TypeError when it is none that the store knows
 */
export function driverOf(where: string, client: unknown): Driver {
  if (!isObject(client)) throw notAClient(where, client)
  if (can(client, 'callBuffer') && can(client, 'pipeline')) {
    const { stringNumbers, redisOptions } = optionsOf(client)
    if (stringNumbers === true || redisOptions?.stringNumbers === true) {
      throw new TypeError(`${where}: give a client without stringNumbers, which spoils replies.`)
    }
    return new IoredisDriver(client as unknown as IoredisClient)
  }
  if (can(client, 'withTypeMapping') && can(client, 'sendCommand')) {
    if (can(client, 'getSlotRandomNode')) {
      return new NodeRedisClusterDriver(client as unknown as NodeRedisCluster)
    }
    // A pool has none: what has to keep to one connection would go by two.
    if ('isReady' in client) {
      const given = client as unknown as NodeRedisClient
      const isSentinel = can(client, 'getMasterNode')
      return isSentinel ? new NodeRedisSentinelDriver(given) : new NodeRedisDriver(given)
    }
  }
  throw notAClient(where, client)
}

function notAClient(where: string, client: unknown): TypeError {
  const wanted = "a client of 'redis' 5 or newer or of 'ioredis' 5 or newer, no pool"
  return new TypeError(`${where}: client must be ${wanted}, got ${describe(client)}.`)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function can(client: Record<string, unknown>, method: string): boolean {
  return typeof client[method] === 'function'
}

/** How many stores use a client: Node takes a listener of each for a leak. */
const users = new WeakMap<object, number>()
const quiet = (): void => {}

/** An `error` event that nobody hears would end the process. */
function hear(client: RedisClient): () => void {
  const others = users.get(client) ?? 0
  if (others === 0) client.on('error', quiet)
  users.set(client, others + 1)
  return () => {
    const left = (users.get(client) ?? 1) - 1
    users.set(client, left)
    if (left === 0) client.off('error', quiet)
  }
}

type Send = (...args: readonly Argument[]) => Promise<unknown>

interface IoredisPipeline {
  callBuffer(...command: readonly Argument[]): IoredisPipeline
  exec(): Promise<readonly (readonly [error: unknown, reply: unknown])[] | null>
}

/** What ioredis writes to; a cluster's client has none of its own. */
interface Writable {
  cork(): void
  uncork(): void
}

class IoredisDriver implements Driver {
  readonly #client: IoredisClient
  #gathering: Writable | null = null
  /** Whether the client gathers commands itself, of which it then follows none to another node. */
  readonly #losesMoved: boolean
  readonly isCluster: boolean
  readonly keyPrefix: string
  readonly close: () => void

  constructor(client: IoredisClient) {
    this.#client = client
    const { keyPrefix, enableAutoPipelining } = optionsOf(client)
    this.isCluster = 'nodes' in client
    this.keyPrefix = String(keyPrefix ?? '')
    this.#losesMoved = this.isCluster && enableAutoPipelining === true
    this.close = hear(client)
  }

  isReady(): boolean {
    const { status } = this.#client
    // With `lazyConnect` it waits for a first command, which would have to be queued.
    if (status === 'wait') this.#client.connect?.().catch(quiet)
    return status === 'ready'
  }

  send(_key: string, command: readonly Argument[]): Promise<unknown> {
    if (this.#losesMoved) {
      return this.#pipelined(command).then(replies => replyOf(fromPair(replies?.[0])))
    }
    const [name = '', ...args] = command
    this.#gather()
    // By a method of its own: auto-pipelining loses the name of a `callBuffer`.
    const methods = this.#client as unknown as Record<string, Send>
    return (
      methods[`${name}Buffer`]?.call(this.#client, ...args) ??
      Promise.reject(new Error(`This ioredis knows no ${name}.`))
    )
  }

  /** Commands of one turn of the event loop leave in one write; node-redis does so by itself. */
  #gather(): void {
    const { stream } = this.#client as { readonly stream?: Partial<Writable> | null }
    if (this.#gathering !== null || !canGather(stream)) return
    this.#gathering = stream
    stream.cork()
    setImmediate(() => {
      this.#gathering = null
      stream.uncork()
    })
  }

  async sendBoth(
    _key: string,
    first: readonly Argument[],
    second: readonly Argument[],
  ): Promise<readonly [Settled, Settled]> {
    const replies = await this.#pipelined(first, second)
    return [fromPair(replies?.[0]), fromPair(replies?.[1])]
  }

  #pipelined(...commands: readonly (readonly Argument[])[]): ReturnType<IoredisPipeline['exec']> {
    const pipeline = this.#client.pipeline() as IoredisPipeline
    for (const command of commands) pipeline.callBuffer(...command)
    return pipeline.exec()
  }
}

interface IoredisOptions {
  readonly keyPrefix?: unknown
  /** Commands of one turn of the event loop go together. */
  readonly enableAutoPipelining?: unknown
  /** All numbers become text. */
  readonly stringNumbers?: unknown
  /** Of the clients that a cluster's client makes. */
  readonly redisOptions?: IoredisOptions
}

function optionsOf(client: object): IoredisOptions {
  return (client as { readonly options?: IoredisOptions }).options ?? {}
}

function canGather(stream: Partial<Writable> | null | undefined): stream is Writable {
  return typeof stream?.cork === 'function' && typeof stream.uncork === 'function'
}

function fromPair(pair: readonly [error: unknown, reply: unknown] | undefined): Settled {
  if (pair === undefined) return { error: new Error('The pipeline gave no reply.') }
  return pair[0] ? { error: pair[0] } : { reply: pair[1] }
}

function replyOf(settled: Settled): unknown {
  if ('error' in settled) throw settled.error
  return settled.reply
}

/** `$`, the type of bulk strings in the protocol; the rest is numbers, arrays and null. */
const BUFFERS = { 36: Buffer }
/** `redis` 5 heeds it with a command, not what `withTypeMapping` says. */
const AS_BUFFERS = { typeMapping: BUFFERS }

interface Plain {
  sendCommand(command: readonly Argument[], options: typeof AS_BUFFERS): Promise<unknown>
}

class NodeRedisDriver implements Driver {
  readonly isCluster = false
  readonly keyPrefix = ''
  readonly #client: NodeRedisClient & Plain
  readonly close: () => void

  constructor(client: NodeRedisClient) {
    this.#client = client as NodeRedisClient & Plain
    this.close = hear(client)
  }

  isReady(): boolean {
    return this.#client.isReady
  }

  send(_key: string, command: readonly Argument[]): Promise<unknown> {
    return this.#client.sendCommand(command, AS_BUFFERS)
  }

  sendBoth(
    key: string,
    first: readonly Argument[],
    second: readonly Argument[],
  ): Promise<readonly [Settled, Settled]> {
    return settleBoth(this.send(key, first), this.send(key, second))
  }
}

interface Sentinel {
  sendCommand(
    isReadonly: boolean,
    command: readonly Argument[],
    options: typeof AS_BUFFERS,
  ): Promise<unknown>
  multi(): SentinelPipeline
}

interface SentinelPipeline {
  addCommand(isReadonly: boolean, command: readonly Argument[]): SentinelPipeline
  execAsPipeline(): Promise<readonly unknown[]>
}

class NodeRedisSentinelDriver implements Driver {
  readonly isCluster = false
  readonly keyPrefix = ''
  readonly #given: NodeRedisClient
  readonly #client: Sentinel
  readonly close: () => void

  constructor(client: NodeRedisClient) {
    this.#given = client
    this.#client = client.withTypeMapping(BUFFERS) as Sentinel
    this.close = hear(client)
  }

  isReady(): boolean {
    return this.#given.isReady
  }

  send(_key: string, command: readonly Argument[]): Promise<unknown> {
    return this.#client.sendCommand(false, command, AS_BUFFERS)
  }

  sendBoth(
    key: string,
    first: readonly Argument[],
    second: readonly Argument[],
  ): Promise<readonly [Settled, Settled]> {
    // The only way that is quick and keeps to one connection; it fails as a whole.
    const pipeline = this.#client.multi().addCommand(false, first).addCommand(false, second)
    return pipeline.execAsPipeline().then(
      ([one, two]) => [{ reply: one }, { reply: two }],
      (error: unknown) => settleBoth(this.send(key, first), Promise.reject(error)),
    )
  }
}

interface Cluster {
  sendCommand(
    key: string,
    isReadonly: boolean,
    command: readonly Argument[],
    options: typeof AS_BUFFERS,
  ): Promise<unknown>
  /** There from `redis` 6 on. */
  getNodeClientForKey?(key: string): Promise<NodeRedisClient>
}

class NodeRedisClusterDriver implements Driver {
  readonly isCluster = true
  readonly keyPrefix = ''
  readonly #client: NodeRedisCluster & Cluster
  readonly close: () => void

  constructor(client: NodeRedisCluster) {
    this.#client = client as NodeRedisCluster & Cluster
    this.close = hear(client)
  }

  isReady(): boolean {
    return this.#client.isReady ?? this.#client.isOpen
  }

  send(key: string, command: readonly Argument[]): Promise<unknown> {
    return this.#client.sendCommand(key, false, command, AS_BUFFERS)
  }

  async sendBoth(
    key: string,
    first: readonly Argument[],
    second: readonly Argument[],
  ): Promise<readonly [Settled, Settled]> {
    const given = await this.#client.getNodeClientForKey?.(key)
    if (given === undefined) {
      const error = new Error("Only 'redis' 6 or newer can address one node of a cluster.")
      return settleBoth(this.send(key, first), Promise.reject(error))
    }
    const node = given as object as Plain
    return settleBoth(node.sendCommand(first, AS_BUFFERS), node.sendCommand(second, AS_BUFFERS))
  }
}

async function settleBoth(
  first: Promise<unknown>,
  second: Promise<unknown>,
): Promise<readonly [Settled, Settled]> {
  const [one, two] = await Promise.allSettled([first, second])
  return [fromResult(one), fromResult(two)]
}

function fromResult(result: PromiseSettledResult<unknown>): Settled {
  return result.status === 'fulfilled' ? { reply: result.value } : { error: result.reason }
}
