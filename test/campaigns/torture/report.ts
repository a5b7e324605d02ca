/** What a run says in the end: a table, the whole story of each violation, or one line of JSON. */
import { countOf, type Findings, type Violation, type ViolationKind } from './checker.js'
import type { Exchange, OperationHistory, OrderRow, SiteEvent } from './history.js'
import type { SiteCounts } from './site.js'

/** Everything about a run. */
export interface Result {
  readonly title: string
  readonly seed: number
  readonly tookMs: number
  readonly operations: readonly OperationHistory[]
  readonly rows: readonly OrderRow[]
  readonly events: readonly SiteEvent[]
  readonly counts: SiteCounts
  readonly findings: Findings
}

/** So many stories are told in full; the rest is counted. */
const STORIES = 10
/** What happened so long before and after an operation is part of its story. */
const AROUND_MS = 1_000

const KINDS: readonly (readonly [ViolationKind, string])[] = [
  ['duplicates', 'orders that exist twice'],
  ['lost', 'accepted, and there is no order'],
  ['falseAccepted', 'accepted, and it is another order'],
  ['falseRefused', 'refused, and there is an order'],
  ['stuck', 'links that are neither used nor usable'],
]

/** The object that `--json` closes with. */
export function jsonOf(result: Result): string {
  const { counts, findings, seed } = result
  const count = (kind: ViolationKind) => countOf(findings, kind)
  return JSON.stringify({
    operations: result.operations.length,
    kills: counts.kills,
    faults: counts.faults,
    duplicates: count('duplicates'),
    lost: count('lost'),
    falseAccepted: count('falseAccepted'),
    falseRefused: count('falseRefused'),
    stuck: count('stuck'),
    undecided: findings.undecided,
    seed,
  })
}

/** The table. */
export function tableOf(result: Result): string {
  const { operations, counts, findings, title, seed, tookMs } = result
  const perMinute = (count: number) => Math.round(count / (tookMs / 60_000))
  const rows: (readonly [string, number, string])[] = [
    ['operations', operations.length, `${perMinute(operations.length)} a minute`],
    ['kills', counts.kills, `${perMinute(counts.kills)} a minute`],
    ['faults', counts.faults, `${perMinute(counts.faults)} a minute`],
    ...KINDS.map(([kind, text]) => [kind, countOf(findings, kind), text] as const),
    ['undecided', findings.undecided, 'in doubt, and with a reason to be'],
  ]
  const lines = rows.map(([name, count, text]) => {
    return `  ${name.padEnd(14)}${String(count).padStart(8)}   ${text}`
  })
  const ends = [...findings.conclusions].map(([name, count]) => `${count} ${name}`).join(', ')
  const falls =
    counts.falls === 0 ? [] : [`  ${counts.falls} shops ended by themselves (see above)`]
  const verdict = findings.violations.length === 0 ? 'Nothing found.' : 'VIOLATIONS FOUND.'
  const head = `${title}, seed ${seed}, ${(tookMs / 1_000).toFixed(0)} s`
  const sold = `  ended: ${ends}; ${result.rows.length} orders in the database`
  return [head, ...lines, sold, ...falls, verdict].join('\n')
}

/** The stories of the violations, and of shops that ended by themselves. */
export function storiesOf(result: Result): string {
  const { violations } = result.findings
  const stories = violations.slice(0, STORIES).map(violation => storyOf(violation, result))
  const more = violations.length - stories.length
  const falls = result.events.filter(({ kind }) => kind === 'note').slice(0, STORIES)
  return [
    ...falls.map(({ atMs, text }) => `${timeOf(atMs)} ${text}`),
    ...stories,
    ...(more > 0 ? [`... and ${more} more violations`] : []),
  ].join('\n\n')
}

function storyOf({ kind, text, operation }: Violation, { events, rows }: Result): string {
  if (operation === null) return `${kind}: ${text}`
  const { index, sku, qty, user, link, exchanges, told, conclusion } = operation
  const fromMs = Math.min(...exchanges.map(({ sentMs }) => sentMs)) - AROUND_MS
  const untilMs = Math.max(...exchanges.map(({ endedMs }) => endedMs)) + AROUND_MS
  const shops = new Set(exchanges.map(({ shop }) => shop))
  const near = events
    .filter(event => event.untilMs >= fromMs && event.atMs <= untilMs)
    .filter(({ whom }) => whom === 'store' || shops.has(whom))
  const lines = [
    ...exchanges.map(exchange => [exchange.sentMs, lineOf(exchange)] as const),
    ...told.map(({ atMs, kind, how }) => [atMs, `    told: ${kind} (${how})`] as const),
    ...near.map(event => [event.atMs, `    # ${event.text}${lengthOf(event)}`] as const),
  ]
  lines.sort(([one], [other]) => one - other)
  const found = rows.filter(row => row.sku === sku).map(row => JSON.stringify(row))
  return [
    `${kind}: operation ${index}, ${text}`,
    `  sku ${sku}, qty ${qty}, by ${user}, at ${link}; in the end: ${conclusion}`,
    `  in the database: ${found.length === 0 ? 'nothing' : found.join(' ')}`,
    ...lines.map(([atMs, line]) => `  ${timeOf(atMs)} ${line}`),
  ].join('\n')
}

function lineOf(exchange: Exchange): string {
  const { method, what, shop, sentMs, endedMs, ended, status, problem, by, order } = exchange
  const answer = status === null ? ended : `${status}${problem === null ? '' : ` ${problem}`}`
  const details = [
    ...(by === null ? [] : [`by shop ${by}`]),
    ...(order === null ? [] : [`order ${order.id}`]),
    `after ${Math.round(endedMs - sentMs)} ms`,
  ]
  return `${method} ${what} to shop ${shop}: ${answer} ${details.join(', ')}`
}

function lengthOf({ atMs, untilMs }: SiteEvent): string {
  return untilMs > atMs ? `, for ${Math.round(untilMs - atMs)} ms` : ''
}

function timeOf(atMs: number): string {
  return `${(atMs / 1_000).toFixed(3).padStart(9)}`
}
