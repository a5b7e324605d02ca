/**
 * `npm run bench`: throughput of the library against bare Koa and against the least that each
 * store needs, side by side in one run, as ratios.
 *
 * Both sides of a row run in turn, A B A B, on one core, with the load made on another; a row's
 * figure is the median of the ratios of its pairs, with the least and the greatest.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Measured, run } from './load.js'
import { ROWS, type Row, type Side } from './rows.js'
import { pinSelf, type Subject, start } from './variants.js'

const BODY = JSON.stringify({ sku: 'tea', qty: 2, note: 'y'.repeat(165) })
const STATUS = { page: 200, first: 201, reuse: 405, result: 200, forged: 404 } as const
const HELP = `usage: npm run bench -- [options]
  --only <ids>     rows to run, joined by commas (see --list)
  --pairs <n>      pairs a row, 1 to 50 (default 5)
  --seconds <s>    length of one measurement, 0.1 to 60 (default 3)
  --write          put the table into bench/README.md
  --list           names the rows
  --help           this text`

/** One measurement of one side. */
interface Sample extends Measured {
  readonly cpuUs: number
}

/** One finished row. */
interface Result {
  readonly row: Row
  readonly ratios: readonly number[]
  readonly cpuAddedUs: number
  readonly p99Ratio: number
}

process.exitCode = await main()

async function main(): Promise<number> {
  const options = readOptions()
  if (typeof options === 'number') return options
  pinSelf()
  const results: Result[] = []
  for (const row of options.rows) results.push(await compare(row, options.pairs, options.seconds))
  const table = render(results)
  console.log(`\n${table}`)
  if (options.write) writeTable(table, options.pairs, options.seconds)
  return 0
}

function readOptions(): { rows: Row[]; pairs: number; seconds: number; write: boolean } | number {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        pairs: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '3' },
        write: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help || values.list) {
      console.log(values.help ? HELP : ROWS.map(({ id, title }) => `${id}: ${title}`).join('\n'))
      return 0
    }
    const wanted = values.only?.split(',')
    const unknown = wanted?.filter(id => !ROWS.some(row => row.id === id)) ?? []
    if (unknown.length > 0) throw new RangeError(`no row ${unknown.join(', ')}; see --list`)
    const rows = ROWS.filter(({ id }) => wanted === undefined || wanted.includes(id))
    const pairs = within('--pairs', Number(values.pairs), 1, 50)
    return {
      rows,
      pairs,
      seconds: within('--seconds', Number(values.seconds), 0.1, 60),
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

async function compare(row: Row, pairs: number, seconds: number): Promise<Result> {
  const ours: Sample[] = []
  const base: Sample[] = []
  // The first pair warms up and does not count.
  for (let pair = 0; pair <= pairs; pair += 1) {
    const [a, b] = [await measure(row.ours, seconds), await measure(row.base, seconds)]
    if (pair === 0) continue
    ours.push(a)
    base.push(b)
    progress(`${row.id}: pair ${pair} of ${pairs}, ${(a.perSecond / b.perSecond).toFixed(2)}`)
  }
  progress('')
  const pairwise = (ratio: (a: Sample, b: Sample) => number) =>
    ours.map((a, index) => ratio(a, base[index] ?? a)).toSorted((a, b) => a - b)
  return {
    row,
    ratios: pairwise((a, b) => a.perSecond / b.perSecond),
    cpuAddedUs: median(pairwise((a, b) => a.cpuUs / a.answers - b.cpuUs / b.answers)),
    p99Ratio: median(pairwise((a, b) => a.p99Ms / b.p99Ms)),
  }
}

/** Measures on a server of its own, so that no run inherits the records of another. */
async function measure(side: Side, seconds: number): Promise<Sample> {
  const subject = await start(side.variant)
  try {
    const warmUp = await prepare(subject, side, 30_000)
    const load = loadOf(subject, side)
    await run({ ...load, paths: warmUp, forMs: 1_500 })
    const paths = await prepare(subject, side, Math.ceil(seconds * 40_000))
    const before = await subject.cpuUs()
    const measured = await run({ ...load, paths, forMs: seconds * 1_000 })
    return { ...measured, cpuUs: (await subject.cpuUs()) - before }
  } finally {
    subject.stop()
  }
}

function loadOf(subject: Subject, { work }: Side) {
  const method = work === 'page' || work === 'result' ? 'GET' : 'POST'
  const status = STATUS[work]
  return { port: subject.port, method, body: BODY, connections: 64, status } as const
}

async function prepare(
  subject: Subject,
  { variant, work }: Side,
  count: number,
): Promise<string[]> {
  if (work === 'page') return ['/page']
  if (work === 'first') {
    // A bare application takes any path; its parser of paths shall have as much to read.
    if (variant === 'bare') return [`/orders/once/${'x'.repeat(69)}`]
    return batches(subject, count)
  }
  const links = await subject.links(500)
  if (work === 'forged') return links.map(link => `${link.slice(0, -4)}AAAA`)
  if (variant !== 'bare') {
    await Promise.all(links.map(path => spend(subject.port, path)))
  }
  return links
}

async function spend(port: number, path: string): Promise<void> {
  const headers = { 'Content-Type': 'application/json' }
  const url = `http://127.0.0.1:${port}${path}`
  await (await fetch(url, { method: 'POST', body: BODY, headers })).arrayBuffer()
}

async function batches(subject: Subject, count: number): Promise<string[]> {
  const links: string[] = []
  while (links.length < count) links.push(...(await subject.links(Math.min(20_000, count))))
  return links
}

function render(results: readonly Result[]): string {
  const lines = results.map(({ row, ratios, cpuAddedUs, p99Ratio }) => {
    const middle = median(ratios)
    const verdict = row.target === null ? '' : middle >= row.target ? 'met' : 'missed'
    const spread = `${middle.toFixed(2)} (${ratios[0]?.toFixed(2)}-${ratios.at(-1)?.toFixed(2)})`
    const target = row.target === null ? '' : `>= ${row.target.toFixed(2)}`
    const cells = [row.title, spread, target, verdict, cpuAddedUs.toFixed(1), p99Ratio.toFixed(2)]
    return `| ${cells.join(' | ')} |`
  })
  return [
    '| row | ratio, median (min-max) | target | | CPU added, us a request | p99 ratio |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

function writeTable(table: string, pairs: number, seconds: number): void {
  const file = new URL('./README.md', import.meta.url)
  const text = readFileSync(file, 'utf8')
  const note = `Node ${process.version}, ${pairs} pairs of ${seconds} s a row.`
  const replaced = text.replace(
    /(<!-- table -->\n).*?(<!-- \/table -->)/s,
    (_all, start: string, end: string) => `${start}\n${note}\n\n${table}\n\n${end}`,
  )
  writeFileSync(file, replaced)
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else if (text !== '') console.error(text)
}
