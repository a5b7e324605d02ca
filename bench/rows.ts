/** What is measured against what, and what we aim at. */

/** Programs of `server.ts`; those of other packages are in `peers.ts`. */
export type App = (typeof APPS)[number]

const OURS = ['memory', 'sqlite', 'redis', 'postgres', 'postgres-tx'] as const
const BY_HAND = ['hand-memory', 'hand-sqlite', 'hand-redis', 'hand-postgres', 'hand-tx'] as const
const PEERS = [
  'node-idempotency',
  'node-idempotency-redis',
  'express-idempotency',
  'powertools-redis',
] as const
const APPS = ['bare', 'bare-express', 'bare-tx', ...OURS, ...BY_HAND, ...PEERS] as const

/** What is asked of an app; `first` is the first use of a link, `key` that of a key. */
export type Ask =
  | 'first'
  | 'reuse'
  | 'result'
  | 'page'
  | 'forged'
  | 'key'
  | 'key-replay'
  | 'action'
  | 'condition'

/** One side of a comparison. */
export interface Side {
  readonly app: App
  readonly ask: Ask
}

/** One comparison. */
export interface Row {
  readonly id: string
  readonly title: string
  readonly ours: Side
  readonly base: Side
  /** The least ratio of throughputs that we aim at; `null` where the row only informs. */
  readonly target: number | null
  /** The part of the usual number of requests that it is measured with: some apps are slow. */
  readonly share: number
  /** Whether the load may stay awake: a store's server, or a disk's, needs its core as well. */
  readonly polls: boolean
}

/** The row of the client, which is no server. */
export const CLIENT = { id: 'client', title: 'client.post, against fetch', target: 0.9 } as const

/** Whether an app is made of the library, and so has links to ask for. */
export function isOurs(app: App): boolean {
  return (OURS as readonly App[]).includes(app)
}

/** Whether an app is another package's. */
export function isPeer(app: App): boolean {
  return (PEERS as readonly App[]).includes(app)
}

function row(id: string, title: string, ours: string, base: string, target: number | null): Row {
  const isSlow = /postgres|-tx|express/.test(`${ours} ${base}`)
  const isMinor = /^(?:hand|peer)-/.test(id)
  const share = isSlow ? 0.25 : isMinor ? 0.5 : 1
  const polls = !/sqlite|redis|postgres|-tx/.test(ours)
  return { id, title, ours: sideOf(ours), base: sideOf(base), target, share, polls }
}

function sideOf(text: string): Side {
  const [app, ask] = text.split(' ') as [App, Ask]
  return { app, ask }
}

/** All comparisons, in the order of the table. */
export const ROWS: readonly Row[] = [
  row('noise', 'bare Koa against itself', 'bare first', 'bare first', null),
  row('page', 'a page with one link, against the page', 'memory page', 'bare page', 0.85),
  row('forged', 'a forged link, against a POST', 'memory forged', 'bare first', 0.9),
  row('first', 'first use, memory', 'memory first', 'bare first', 0.65),
  row('reuse', 'reuse (405), memory', 'memory reuse', 'bare first', 0.9),
  row('result', 'GET of the result, memory', 'memory result', 'bare result', 0.85),
  row('key', 'Idempotency-Key, first use, memory', 'memory key', 'bare key', 0.6),
  row('key-replay', 'the same, replayed', 'memory key-replay', 'bare key', 0.8),
  row('action', 'action (PUT), first, memory', 'memory action', 'bare action', null),
  row('condition', 'conditional POST, memory', 'memory condition', 'bare condition', null),
  row('sqlite', 'first use, sqlite FULL', 'sqlite first', 'bare first', 0.65),
  row('sqlite-reuse', 'reuse, sqlite', 'sqlite reuse', 'bare first', null),
  row('redis', 'first use, Redis', 'redis first', 'bare first', 0.7),
  row('redis-reuse', 'reuse, Redis', 'redis reuse', 'bare first', null),
  row('postgres', 'first use, PostgreSQL, external', 'postgres first', 'bare first', 0.4),
  row('postgres-reuse', 'reuse, PostgreSQL', 'postgres reuse', 'bare first', null),
  row(
    'tx',
    'PostgreSQL, transactional, against by hand',
    'postgres-tx first',
    'hand-tx first',
    0.9,
  ),
  row(
    'tx-app',
    'the same, against the own transaction',
    'postgres-tx first',
    'bare-tx first',
    null,
  ),
  row('hand-memory', 'by hand: Map + HMAC', 'hand-memory first', 'bare first', null),
  row('hand-page', 'by hand: a page, nonce + HMAC', 'hand-memory page', 'bare page', null),
  row('hand-forged', 'by hand: a forged link', 'hand-memory forged', 'bare first', null),
  row('hand-reuse', 'by hand: reuse (405)', 'hand-memory reuse', 'bare first', null),
  row('hand-result', 'by hand: GET of the result', 'hand-memory result', 'bare result', null),
  row('hand-sqlite', 'by hand: group commit', 'hand-sqlite first', 'bare first', null),
  row('hand-redis', 'by hand: Redis, pipelined', 'hand-redis first', 'bare first', null),
  row('hand-postgres', 'by hand: INSERT + UPDATE', 'hand-postgres first', 'bare first', null),
  row(
    'hand-tx',
    'by hand: claim + record in the own transaction',
    'hand-tx first',
    'bare-tx first',
    null,
  ),
  row('peer-ni', 'node-idempotency, memory', 'node-idempotency key', 'bare key', null),
  row('peer-ni-redis', 'node-idempotency, Redis', 'node-idempotency-redis key', 'bare key', null),
  row('peer-pt-redis', 'Powertools, Redis', 'powertools-redis key', 'bare key', null),
  row(
    'peer-ei',
    'express-idempotency, against bare Express',
    'express-idempotency key',
    'bare-express key',
    null,
  ),
]
