/**
 * `npm run bench:soak`: one app at half of its greatest rate for a long time, and a line each
 * minute: whether memory, handles and the slowest answers stay where they were.
 *
 * Records are kept for longer than that, so a store in this process's memory grows by one record
 * for each first use; the last column shows what remains of the growth for each request.
 */
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
  --help            this text`

const APPS = ['memory', 'sqlite', 'redis', 'postgres', 'postgres-tx']
const PROBE = 10_000
const MINUTE_MS = 60_000

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      app: { type: 'string', default: 'memory' },
      ask: { type: 'string', default: 'first' },
      minutes: { type: 'string', default: '60' },
      help: { type: 'boolean', default: false },
    },
  })
  const minutes = Number(values.minutes)
  const isKnown = APPS.includes(values.app) && ['first', 'reuse'].includes(values.ask)
  if (values.help || !isKnown || !(minutes >= 1 && minutes <= 600)) {
    console.log(HELP)
    return values.help ? 0 : 2
  }
  const redis = values.app === 'redis' ? await startRedis() : null
  const postgres = values.app.startsWith('postgres') ? await startPostgres({}) : null
  if (postgres !== null) await makeTables(postgres.url)
  pinSelf()
  const where = { redisUrl: redis?.url ?? '', postgresUrl: postgres?.url ?? '' }
  const side = { app: values.app as App, ask: values.ask as Ask }
  const subject = await Subject.start(side, { dist: build(), peers: '', ...where })
  try {
    await soak(subject, minutes)
  } finally {
    subject.stop()
    await redis?.remove()
    await postgres?.remove()
  }
  return 0
}

async function soak(subject: Subject, minutes: number): Promise<void> {
  await subject.warm(PROBE)
  const { perSecond } = await subject.measure(PROBE)
  const perTurn = Math.max(64, Math.floor(perSecond / 2))
  console.log(`greatest rate ${perSecond.toFixed(0)}/s; each second ${perTurn} requests`)
  console.log(
    'minute | requests | p99 ms | RSS MiB | handles | RSS bytes a request since the first',
  )
  let first: { rssBytes: number; sent: number } | null = null
  let sent = 0
  for (let minute = 1; minute <= minutes; minute += 1) {
    const endMs = performance.now() + MINUTE_MS
    const slow: number[] = []
    let last = { rssBytes: 0, handles: 0 }
    while (performance.now() < endMs) {
      const turnMs = performance.now()
      const sample = await subject.measure(perTurn)
      sent += perTurn
      slow.push(sample.p99Ms)
      last = sample
      const restMs = 1_000 - (performance.now() - turnMs)
      if (restMs > 0) await new Promise(resolve => setTimeout(resolve, restMs))
    }
    first ??= { rssBytes: last.rssBytes, sent }
    const growth = minute === 1 ? 0 : (last.rssBytes - first.rssBytes) / (sent - first.sent)
    const p99 = slow.toSorted((a, b) => a - b)[Math.floor(slow.length / 2)] ?? 0
    const mib = (last.rssBytes / 2 ** 20).toFixed(0)
    const cells = [minute, sent, p99.toFixed(1), mib, last.handles, growth.toFixed(0)]
    console.log(cells.join(' | '))
  }
}

process.exitCode = await main()
