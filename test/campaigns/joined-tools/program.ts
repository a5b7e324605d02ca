/**
 * A shop whose handlers do what each order says, through eight tools, as a process that dies where
 * it is told. Its argument is {@link RandomShopSettings} as JSON; it prints its address.
 */
import type pg from 'pg'
import type { Tool } from '../../../examples/transactions/tools/tool.js'
import { openJoinedShop } from '../../support/joined-shop.js'
import { driverOf, loadTool, TOOLS } from '../../support/tool-examples.js'

/** What is broken on purpose. */
export type Plant =
  /** Half of the tools have a pool that does not join. */
  | 'plain'
  /** `BEGIN`, `COMMIT` and `ROLLBACK` of the tools are left out. */
  | 'swallows'

/** What a handler does next; what `undone` writes goes back with the tool's transaction. */
export interface Step {
  readonly tool: string
  readonly kind:
    | 'insert'
    | 'transaction'
    | 'undone'
    | 'nested'
    | 'forgotten'
    | 'at once'
    | 'begun at once'
  readonly sku: string
}

/** What an order asks for. */
export interface RandomOrder {
  readonly steps: readonly Step[]
  readonly end: 'ok' | 'throw' | 'refuse' | 'die' | 'die at the commit'
}

/** What the process is started with. */
export interface RandomShopSettings {
  readonly url: string
  /** Of the tools. */
  readonly folder: string
  readonly plant: Plant | null
  /** How many orders come at once. */
  readonly atOnce: number
}

const { url, folder, plant, atOnce } = JSON.parse(process.argv[2] ?? '') as RandomShopSettings
const shop = await openJoinedShop(url, {
  ...{ driver: driverOf(folder), connections: 2 * atOnce, leaseMs: 1_000 },
  resource: { transactional: 'may-be-empty' },
})
const pools: Readonly<Record<Plant, pg.Pool>> = {
  plain: shop.pool,
  swallows: swallowing(shop.joined),
}
const opened = new Map<string, Tool>(
  await Promise.all(
    TOOLS.map(async (name, at) => {
      const open = await loadTool(folder, name)
      const isWrong = plant !== null && (plant !== 'plain' || at % 2 === 0)
      return [name, await open(isWrong ? pools[plant] : shop.joined)] as const
    }),
  ),
)
const die = (): void => void process.kill(process.pid, 'SIGKILL')
let diesAtCommit = false

shop.handler = async ctx => {
  const { steps, end } = ctx.request.body as RandomOrder
  await Promise.all(steps.filter(isAtOnce).map(perform))
  for (const step of steps) if (!isAtOnce(step)) await perform(step)
  if (end === 'die') die()
  if (end === 'die at the commit') diesAtCommit = true
  if (end === 'throw') throw new Error('as ordered')
  if (end === 'refuse') ctx.throw(409)
}
shop.events.push = (...events) => {
  if (diesAtCommit && events.some(({ type }) => type === 'spent')) die()
  return 0
}
process.stdout.write(`${shop.base}\n`)
// It ends with whoever started it.
process.stdin.once('end', () => process.exit())
process.stdin.resume()

function isAtOnce({ kind }: Step): boolean {
  return kind === 'at once' || kind === 'begun at once'
}

async function perform({ tool: name, kind, sku }: Step): Promise<unknown> {
  const tool = opened.get(name)
  if (tool === undefined) throw new Error(`there is no ${name}`)
  switch (kind) {
    case 'insert':
    case 'at once':
      return await tool.insert(sku)
    case 'transaction':
    case 'begun at once':
      return await tool.transaction([sku], () => {})
    case 'nested':
      return await tool.nested(sku, `${sku} undone`)
    case 'forgotten':
      return tool.forget(sku)
    case 'undone':
      return await tool.transaction([sku], goBack).catch(() => {})
  }
}

function goBack(): never {
  throw new Error('undo this')
}

type ConnectCallback = Parameters<pg.Pool['connect']>[0]

/** A pool whose connections leave out what begins and ends transactions. */
function swallowing(pool: pg.Pool): pg.Pool {
  const shown = (client: pg.PoolClient): pg.PoolClient => {
    const query = (first: unknown, ...rest: unknown[]): unknown => {
      const { text = String(first) } = first as { readonly text?: string }
      const isControl = /^\s*(?:begin|start|commit|rollback|savepoint|release)/i.test(text)
      return Reflect.apply(client.query, client, [isControl ? 'SELECT 1' : first, ...rest])
    }
    return new Proxy(client, {
      get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)),
    })
  }
  const connect = (callback?: ConnectCallback): unknown => {
    if (callback === undefined) return pool.connect().then(shown)
    pool.connect((error, client, done) => callback(error, client && shown(client), done))
    return undefined
  }
  return new Proxy(pool, {
    get: (target, name) => (name === 'connect' ? connect : Reflect.get(target, name)),
  })
}
