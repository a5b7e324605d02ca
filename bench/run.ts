/**
 * `npm run bench`: what exactly-once costs, against bare Koa, against the least that each store
 * needs, against packages of others, and against an earlier commit, as ratios of one run.
 *
 * Both sides of a row are processes that stay up. Each is warmed by 20,000 requests, then both are
 * measured in turn, A B A B, on one core, with the load made on another. A figure is the median of
 * a row's pairs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/support/servers/postgres-server.js'
import { startRedis } from '../test/support/servers/redis-server.js'
import { build } from './build.js'
import { makeTables } from './by-hand.js'
import { type ClientResult, measureClient } from './client.js'
import { installPeers } from './peers.js'
import { CLIENT, isOurs, isPeer, ROWS, type Row } from './rows.js'
import type { Start } from './server.js'
import { launch, pinSelf, type Sample, Subject } from './subject.js'

const HELP = `usage: npm run bench -- [options]
  --only <ids>      rows to run, joined by commas (see --list); \`peer\` rows need npm
  --pairs <n>       pairs a row, 1 to 50 (default 3)
  --requests <n>    requests of one measurement (default 10000); slow apps get a quarter, and no
                    more than they answer in 2 s
  --warm <n>        requests before anything counts (default 20000, or what 15 s allow)
  --compare <ref>   measures the rows against the same of another commit
  --profile <dir>   writes a CPU profile of our side of each row there
  --write           puts the table into bench/README.md
  --list            names the rows
  --help            this text`

interface Options {
  readonly rows: readonly Row[]
  readonly withClient: boolean
  readonly pairs: number
  readonly requests: number
  readonly warm: number
  readonly compare: string | undefined
  readonly profile: string | undefined
  readonly write: boolean
}

interface Result {
  readonly row: Row
  readonly ours: readonly Sample[]
  readonly base: readonly Sample[]
}

async function main(): Promise<number> {
  const options = readOptions()
  if (typeof options === 'number') return options
  const where = await prepare(options)
  const before = options.compare === undefined ? where.dist : build(options.compare)
  pinSelf()
  const results: Result[] = []
  try {
    for (const row of options.rows) {
      if (where.peers === null && isPeer(row.ours.app)) continue
      const here = { ...where, peers: where.peers ?? '' }
      const result = await inTime(row, compare(row, options, here, { ...here, dist: before }))
      if (result === null) continue
      results.push(result)
      console.log(render([result], options).at(-1))
    }
  } finally {
    await where.end()
  }
  const lines = render(results, options)
  if (options.withClient) {
    lines.push(clientLine(await measureClient(options.pairs, CLIENT_MS, launch())))
    console.log(lines.at(-1))
  }
  const table = lines.join('\n')
  console.log(`\n${table}`)
  if (options.write) writeTable(table, options)
  return results.length === options.rows.length ? 0 : 1
}

/** A row that does not come to its end is told of, and the others are measured all the same. */
async function inTime(row: Row, measuring: Promise<Result>): Promise<Result | null> {
  const over = new AbortController()
  const late = sleep(ROW_MS, null, { signal: over.signal }).then(() => {
    throw new Error(`it took over ${ROW_MS / 1_000} s`)
  })
  try {
    return await Promise.race([measuring, late])
  } catch (error) {
    console.error(`${row.id}: not measured: ${error instanceof Error ? error.message : error}`)
    return null
  } finally {
    over.abort()
    for (const subject of running.splice(0)) subject.stop()
  }
}

/** The apps of the row that is being measured. */
const running: Subject[] = []
const ROW_MS = 120_000
const WARM_MS = 15_000
const PIECE_SECONDS = 2
const LEAST_REQUESTS = 200

function readOptions(): Options | number {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        pairs: { type: 'string', default: '3' },
        requests: { type: 'string', default: '10000' },
        warm: { type: 'string', default: '20000' },
        compare: { type: 'string' },
        profile: { type: 'string' },
        write: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help || values.list) {
      const rows = [...ROWS, CLIENT].map(({ id, title }) => `${id}: ${title}`)
      console.log(values.help ? HELP : rows.join('\n'))
      return 0
    }
    const wanted = values.only?.split(',')
    const unknown = wanted?.filter(id => ![...ROWS, CLIENT].some(row => row.id === id)) ?? []
    if (unknown.length > 0) throw new RangeError(`no row ${unknown.join(', ')}; see --list`)
    return {
      rows: ROWS.filter(({ id }) => wanted === undefined || wanted.includes(id)),
      withClient: wanted?.includes(CLIENT.id) ?? values.compare === undefined,
      pairs: within('--pairs', Number(values.pairs), 1, 50),
      requests: within('--requests', Number(values.requests), 100, 1_000_000),
      warm: within('--warm', Number(values.warm), 0, 1_000_000),
      compare: values.compare,
      profile: values.profile,
      write: values.write,
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${HELP}`)
    return 2
  }
}

function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw new RangeError(`${name} must be a number from ${least} to ${most}`)
}

/** What all rows need; `peers` is `null` where they could not be installed. */
interface Prepared extends Omit<Start, 'app' | 'peers'> {
  readonly peers: string | null
  end(): Promise<void>
}

/** Builds the library, and starts the servers and installs the packages that the rows need. */
async function prepare({ rows }: Options): Promise<Prepared> {
  const apps = rows.flatMap(({ ours, base }) => [ours.app, base.app])
  const needs = (pattern: RegExp): boolean => apps.some(app => pattern.test(app))
  const redis = needs(/redis/) ? await startRedis() : null
  const settings = { fsync: 'on', shared_buffers: '256MB', max_connections: '200' }
  const postgres = needs(/postgres|-tx/) ? await startPostgres({ settings }) : null
  if (postgres !== null) await makeTables(postgres.url)
  const peers = apps.some(isPeer) ? installPeers() : ''
  if (peers === null) console.error('The packages of others could not be installed.')
  return {
    dist: build(),
    peers,
    redisUrl: redis?.url ?? '',
    postgresUrl: postgres?.url ?? '',
    end: async () => {
      await redis?.remove()
      await postgres?.remove()
    },
  }
}

async function compare(
  row: Row,
  options: Options,
  here: Omit<Start, 'app'>,
  there: Omit<Start, 'app'>,
): Promise<Result> {
  const { pairs, profile } = options
  const { warm } = options
  const ours = await Subject.start(row.ours, here, row)
  running.push(ours)
  const isBefore = options.compare !== undefined && isOurs(row.ours.app)
  const base = await Subject.start(isBefore ? row.ours : row.base, there, row)
  running.push(base)
  const result: { row: Row; ours: Sample[]; base: Sample[] } = { row, ours: [], base: [] }
  const rates = [await ours.warm(warm, WARM_MS), await base.warm(warm, WARM_MS)]
  const wanted = Math.min(options.requests * row.share, Math.min(...rates) * PIECE_SECONDS)
  const requests = Math.max(LEAST_REQUESTS, Math.ceil(wanted))
  for (let pair = 0; pair < pairs; pair += 1) {
    result.ours.push(await ours.measure(requests))
    result.base.push(await base.measure(requests))
  }
  if (profile !== undefined) {
    mkdirSync(profile, { recursive: true })
    await ours.measure(requests, `${profile}/${row.id}.cpuprofile`)
  }
  return result
}

const HEADINGS = [
  ...['row', 'of base, by CPU (min-max)', 'by rate', 'target'],
  ...['CPU us a request / base', 'KB allocated', 'bytes promoted', 'collections, us', 'p99'],
]

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

const CLIENT_MS = 1_000

/** The client's row: its own process is what is measured, and there is no server to look into. */
function clientLine({ ours, plain }: ClientResult): string {
  const of = (read: (at: number) => number): number[] => ours.map((_, at) => read(at))
  const cpu = of(at => (plain[at]?.cpuUs ?? 0) / (ours[at]?.cpuUs ?? 1))
  const rate = of(at => (ours[at]?.perSecond ?? 0) / (plain[at]?.perSecond ?? 1))
  const spent = [ours, plain].map(side => median(side.map(({ cpuUs }) => cpuUs)).toFixed(1))
  return line([
    ...[CLIENT.title, withRange(cpu), median(rate).toFixed(2), CLIENT.target.toFixed(2)],
    ...[spent.join(' / '), '', '', '', ''],
  ])
}

function withRange(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return `${median(values).toFixed(2)} (${least.toFixed(2)}-${most.toFixed(2)})`
}

function render(results: readonly Result[], { compare: ref }: Options): string[] {
  const lines = results.map(({ row, ours, base }) => {
    const of = (read: (sample: Sample) => number): [number, number] => [
      median(ours.map(read)),
      median(base.map(read)),
    ]
    const pairs = (read: (sample: Sample) => number): number[] =>
      ours.map((sample, at) => read(base[at] ?? sample) / read(sample))
    const byCpu = pairs(cpuOf)
    const both = (digits: number, read: (sample: Sample) => number, scale = 1): string =>
      of(read)
        .map(value => (value / scale).toFixed(digits))
        .join(' / ')
    const rate = median(pairs(sample => 1 / sample.perSecond))
    return line([
      ref === undefined ? row.title : `${row.title}, against ${ref}`,
      withRange(byCpu),
      rate.toFixed(2),
      ref === undefined && row.target !== null ? row.target.toFixed(2) : '',
      both(1, cpuOf),
      both(1, sample => sample.allocatedBytes / sample.requests, 1_024),
      both(0, sample => sample.promotedBytes / sample.requests),
      both(1, sample => sample.collectionUs / sample.requests),
      median(ours.map(({ p99Ms }, at) => p99Ms / (base[at]?.p99Ms ?? 1))).toFixed(2),
    ])
  })
  return [line(HEADINGS), line(HEADINGS.map(() => '---')), ...lines]
}

function cpuOf({ cpuUs, requests }: Sample): number {
  return cpuUs / requests
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function writeTable(table: string, { pairs, requests, warm }: Options): void {
  const file = new URL('./README.md', import.meta.url)
  const head = `Node ${process.version}, ${warm} requests to warm, ${pairs} pairs of ${requests}.`
  const written = readFileSync(file, 'utf8').replace(
    /(<!-- table -->\n)[\s\S]*(\n<!-- \/table -->)/,
    (_, start: string, end: string) => `${start}\n${head}\n\n${table}\n${end}`,
  )
  writeFileSync(file, written)
}

// An app that hangs would keep this process.
process.exit(await main())
