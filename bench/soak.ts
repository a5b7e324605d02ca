/**
 * `npm run bench:soak`: one app at half of its greatest rate (`--share`) for a long time, and a
 * line each minute: whether memory, handles and the slowest answers stay where they were. `--write`
 * puts what came of it into the README, a row for each app.
 *
 * Links live for half a minute, their records for another half, and the app purges, so what is kept
 * comes to rest in the second minute; the growth of the process is counted from the third one. The
 * rate is even; links are made between its pieces, of a few seconds each.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/support/servers/postgres-server.js'
import { startRedis } from '../test/support/servers/redis-server.js'
import { build } from './build.js'
import { makeTables } from './by-hand.js'
import type { App, Ask } from './rows.js'
import { pinSelf, Subject } from './subject.js'

const HELP = `usage: npm run bench:soak -- [options]
  --app <name>      memory, sqlite, redis, postgres or postgres-tx (default memory)
  --ask <name>      first or reuse (default first)
  --minutes <n>     how long, 1 to 600 (default 60)
  --share <n>       which part of the greatest rate, 0.01 to 1 (default 0.5)
  --core <n>        the app's core, 0 or 1 (default 0); its load has the other, so that two apps
                    can go side by side
  --write           puts the row into bench/README.md
  --help            this text`

const APPS = ['memory', 'sqlite', 'redis', 'postgres', 'postgres-tx']
const PROBE = 10_000
const MINUTE_MS = 60_000
const PIECE_SECONDS = 5
const KEPT_MS = 30_000
/** The minute from which growth is counted, from 0. */
const AT_REST = 2
/** Sockets that were closed are gone by then. */
const CLOSED_MS = 500

/** What a minute has shown. */
interface Minute {
  readonly sent: number
  /** The median of the pieces' 99th percentiles. */
  readonly p99Ms: number
  /** Answers 503, of `sent`. */
  readonly refused: number
  readonly rssBytes: number
  readonly handles: number
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      app: { type: 'string', default: 'memory' },
      ask: { type: 'string', default: 'first' },
      minutes: { type: 'string', default: '60' },
      share: { type: 'string', default: '0.5' },
      core: { type: 'string', default: '0' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [minutes, share] = [Number(values.minutes), Number(values.share)]
  const core = values.core === '1' ? 1 : 0
  const isKnown =
    APPS.includes(values.app) &&
    ['first', 'reuse'].includes(values.ask) &&
    values.core === String(core)
  const isMeant = isKnown && minutes >= 1 && minutes <= 600 && share >= 0.01 && share <= 1
  if (values.help || !isMeant) {
    console.log(HELP)
    return values.help ? 0 : 2
  }
  const redis = values.app === 'redis' ? await startRedis() : null
  const postgres = values.app.startsWith('postgres') ? await startPostgres({}) : null
  if (postgres !== null) await makeTables(postgres.url)
  pinSelf(core)
  const where = { redisUrl: redis?.url ?? '', postgresUrl: postgres?.url ?? '' }
  const side = { app: values.app as App, ask: values.ask as Ask }
  const start = { dist: build(), peers: '', keptMs: KEPT_MS, ...where }
  const subject = await Subject.start(side, start, { core })
  try {
    const told = await soak(subject, minutes, share)
    const row = rowOf(`${values.app}, ${values.ask}`, minutes, told)
    console.log(`\n${HEADINGS}\n${row}`)
    if (values.write) writeRow(row)
  } finally {
    subject.stop()
    await redis?.remove()
    await postgres?.remove()
  }
  return 0
}

interface Told {
  readonly perSecond: number
  readonly minutes: readonly Minute[]
}

async function soak(subject: Subject, minutes: number, share: number): Promise<Told> {
  await subject.warm(PROBE)
  const greatest = (await subject.measure(PROBE)).perSecond
  const perSecond = Math.max(32, Math.floor(greatest * share))
  console.log(`greatest rate ${greatest.toFixed(0)}/s; ${perSecond} requests a second`)
  console.log(
    'minute | requests | 503 | p99 ms | RSS MiB | handles | RSS bytes a request since the third',
  )
  const told: Minute[] = []
  let [sent, refused] = [0, 0]
  for (let minute = 1; minute <= minutes; minute += 1) {
    const endMs = performance.now() + MINUTE_MS
    const slow: number[] = []
    while (performance.now() < endMs) {
      const piece = await subject.pace(perSecond * PIECE_SECONDS, perSecond)
      slow.push(piece.p99Ms)
      refused += piece.refused
      sent += perSecond * PIECE_SECONDS
    }
    await new Promise(resolve => setTimeout(resolve, CLOSED_MS))
    const { rssBytes, handles } = await subject.rest()
    const last = { sent, refused, p99Ms: median(slow), rssBytes, handles }
    told.push(last)
    const growth = growthOf(told[AT_REST] ?? last, last).toFixed(0)
    const mib = (rssBytes / 2 ** 20).toFixed(0)
    console.log([minute, sent, refused, last.p99Ms.toFixed(1), mib, handles, growth].join(' | '))
  }
  return { perSecond, minutes: told }
}

function growthOf(first: Minute, last: Minute): number {
  if (last.sent === first.sent) return 0
  return (last.rssBytes - first.rssBytes) / (last.sent - first.sent)
}

const TOLD = ['p99 ms, first third / last', 'RSS MiB', 'bytes a request', 'handles']
const HEADINGS = `| app | minutes | a second | 503 | ${TOLD.join(' | ')} |\n${'| --- '.repeat(8)}|`

/** The first third against the last one: what creeps shows there, and one slow minute does not. */
function rowOf(name: string, count: number, { perSecond, minutes }: Told): string {
  const third = Math.max(1, Math.floor(minutes.length / 3))
  const [early, late] = [minutes.slice(0, third), minutes.slice(-third)]
  const both = (digits: number, read: (minute: Minute) => number): string =>
    [early, late].map(part => median(part.map(read)).toFixed(digits)).join(' / ')
  const [first, last] = [minutes[AT_REST], minutes.at(-1)]
  const growth = first === undefined || last === undefined ? 0 : growthOf(first, last)
  return [
    `| ${name} | ${count} | ${perSecond} | ${last?.refused ?? 0}`,
    both(1, ({ p99Ms }) => p99Ms),
    both(0, ({ rssBytes }) => rssBytes / 2 ** 20),
    growth.toFixed(0),
    `${both(0, ({ handles }) => handles)} |`,
  ].join(' | ')
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

/** Puts a row in the place of the same app's. */
function writeRow(row: string): void {
  const file = new URL('./README.md', import.meta.url)
  const text = readFileSync(file, 'utf8')
  const [before = '', rest = ''] = text.split('<!-- soak -->\n')
  const [table = '', after = ''] = rest.split('<!-- /soak -->')
  const name = row.slice(0, row.indexOf('|', 1))
  const others = table.split('\n').filter(line => line.startsWith('| ') && !line.startsWith(name))
  const rows = others.filter(line => !HEADINGS.includes(line))
  const whole = [HEADINGS, ...rows, row].join('\n')
  writeFileSync(file, `${before}<!-- soak -->\n\n${whole}\n\n<!-- /soak -->${after}`)
}

process.exitCode = await main()
