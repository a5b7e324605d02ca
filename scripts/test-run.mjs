/**
 * A test run over several processes: each takes the next file as soon as it is through with one,
 * those that last longest first. Redis and PostgreSQL are started once, and each process has a
 * database of its own there.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { onStopped, ROOT } from './prepare.mjs'

/**
 * Tests wait for much of their time, and on a machine that is too busy they come too late: so many
 * files run at once at least, and more of them, up to the most, only while a core is idle.
 */
const LEAST_AT_ONCE = availableParallelism() + 1
const MOST_AT_ONCE = availableParallelism() + 4
/** How often it is looked whether a core is idle, and what share of their time has to be. */
const LOOK_MS = 500
const IDLE_SHARE = 0.25
const WORKER = fileURLToPath(new URL('./test-worker.mjs', import.meta.url))
const TYPESCRIPT = fileURLToPath(new URL('./typescript.mjs', import.meta.url))
/** Files that last longer than two seconds, with their seconds: what `--measure` writes. */
const SECONDS = fileURLToPath(new URL('./test-seconds.json', import.meta.url))
/**
 * A process that is through and does not end by then has something open still; what it has reached
 * is written at its end, which takes a busy machine half a minute.
 */
const END_MS = 120_000
/** How often a line tells how far it is, where there is no terminal. */
const TELL_MS = 10_000

/**
 * Runs test files.
 *
 * @param {readonly string[]} files - relative to the root
 * @param {{ grep?: string, env?: Record<string, string>, measure?: boolean, timeoutMs?: number,
 *   workers?: number, what?: string, firstDatabase?: number, cwd?: string, loader?: string }}
 *   [wishes] - `timeoutMs` of a test; `workers`, how many processes; `what` begins each line that
 *   tells how far it is; `firstDatabase` is the number of the first process's on Redis; `cwd` is
 *   another tree that has these files, and `loader` what Node imports to read TypeScript there
 * @returns {Promise<{ passes: number, failures: number, pending: number, stopped: boolean, files:
 *   Record<string, { ms: number, cpuMs: number }> }>} - the last is what each file took
 */
export async function runFiles(files, wishes = {}) {
  const seconds = JSON.parse(readFileSync(SECONDS, 'utf8'))
  const queue = files.toSorted((one, other) => (seconds[other] ?? 1) - (seconds[one] ?? 1))
  const run = new Run(queue, files.length, wishes)
  const forget = onStopped(() => run.stop())
  try {
    return await run.finish()
  } finally {
    forget()
    if (wishes.measure === true) keepSeconds(seconds, run.tookMs)
  }
}

class Run {
  tookMs = new Map()
  #queue
  #all
  #wishes
  #workers = new Set()
  /** Workers that have no file, for the machine is busy. */
  #waiting = []
  #times = coreTimes()
  #counts = { passes: 0, failures: 0, pending: 0, stopped: false, files: {} }
  #failed = []
  #done = 0
  #database
  #startedMs = performance.now()

  constructor(queue, all, wishes) {
    this.#queue = queue
    this.#all = all
    this.#wishes = wishes
    this.#database = wishes.firstDatabase ?? 1
  }

  async finish() {
    const told = setInterval(() => this.#tell(), process.stdout.isTTY ? 500 : TELL_MS)
    const looked = setInterval(() => this.#look(), LOOK_MS)
    const { workers = MOST_AT_ONCE } = this.#wishes
    const count = Math.max(1, Math.min(Number(process.env.POE_TEST_WORKERS ?? workers), this.#all))
    try {
      await Promise.all(Array.from({ length: count }, () => this.#work()))
    } finally {
      clearInterval(told)
      clearInterval(looked)
    }
    this.#tell()
    if (process.stdout.isTTY) process.stdout.write('\n')
    for (const { file, texts } of this.#failed) console.log(`\n${file}\n\n${texts.join('\n\n')}`)
    return this.#counts
  }

  stop() {
    this.#counts.stopped = true
    this.#queue = []
    this.#waiting = []
    for (const { child } of this.#workers) child.kill('SIGTERM')
  }

  /** One process after the other, until there is no file left: one that dies is replaced. */
  async #work() {
    do await this.#oneWorker()
    while (this.#queue.length > 0)
  }

  #oneWorker() {
    const env = { ...process.env, ...this.#wishes.env }
    if (env.POE_TEST_REDIS !== undefined) env.POE_TEST_REDIS += `/${this.#database}`
    this.#database += 1
    const { grep, timeoutMs, cwd = ROOT, loader = TYPESCRIPT } = this.#wishes
    env.POE_TEST_OPTIONS = JSON.stringify({ ...mochaOptions(timeoutMs), grep })
    const child = spawn(process.execPath, ['--enable-source-maps', '--import', loader, WORKER], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const worker = { child, file: null, last: null, output: '', timer: undefined, isLate: false }
    this.#workers.add(worker)
    const keep = chunk => {
      worker.output = (worker.output + chunk).slice(-20_000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('message', message => {
      if (message.file !== undefined) this.#take(worker, message)
      this.#nextWhereIdle(worker)
    })
    return new Promise(resolve => {
      child.once('close', (code, signal) => {
        clearTimeout(worker.timer)
        this.#workers.delete(worker)
        this.#waiting = this.#waiting.filter(one => one !== worker)
        if (code !== 0 && !this.#counts.stopped) this.#died(worker, signal ?? `exit ${code}`)
        resolve()
      })
    })
  }

  /** One more file where a core is idle. */
  #look() {
    const before = this.#times
    this.#times = coreTimes()
    const idle = (this.#times.idle - before.idle) / (this.#times.all - before.all)
    const worker = idle > IDLE_SHARE ? this.#waiting.shift() : undefined
    if (worker !== undefined) this.#next(worker)
  }

  #nextWhereIdle(worker) {
    worker.file = null
    const atOnce = [...this.#workers].filter(({ file }) => file !== null).length
    if (atOnce < LEAST_AT_ONCE) this.#next(worker)
    else this.#waiting.push(worker)
    if (this.#queue.length === 0) for (const one of this.#waiting.splice(0)) this.#next(one)
  }

  #next(worker) {
    const file = this.#queue.shift()
    worker.file = file ?? null
    if (file !== undefined) {
      worker.output = ''
      worker.child.send({ file })
      return
    }
    worker.child.send({ end: true })
    worker.timer = setTimeout(() => {
      worker.isLate = true
      worker.child.kill('SIGKILL')
    }, END_MS)
  }

  #take(worker, { file, passes, pending, failures, ms, cpuMs }) {
    this.#done += 1
    this.#counts.files[file] = { ms: Math.round(ms), cpuMs: Math.round(cpuMs) }
    this.tookMs.set(file, ms)
    this.#counts.passes += passes
    this.#counts.pending += pending
    this.#counts.failures += failures.length
    worker.last = file
    if (failures.length > 0) this.#fail(file, failures, worker.output)
  }

  #died(worker, how) {
    this.#counts.failures += 1
    let text = `  its process ended in the middle of it (${how})`
    if (worker.isLate) text = '  its process does not end: a test has left something open'
    else if (worker.file === null) text = `  its process ended badly after its tests (${how})`
    this.#fail(worker.file ?? worker.last ?? 'a test process', [text], worker.output)
  }

  #fail(file, texts, output) {
    // Told at once, and again at the end: a run may be stopped, or its beginning scrolled away.
    this.#failed.push({ file, texts })
    this.#line(`FAILED ${file}: ${texts.length}\n\n${texts.join('\n\n')}\n`)
    if (output.trim() !== '') this.#line(`  what was printed meanwhile:\n${output.trimEnd()}\n`)
  }

  #tell() {
    const { passes, failures } = this.#counts
    const took = Math.round((performance.now() - this.#startedMs) / 1_000)
    const now = [...this.#workers].map(({ file }) => file).filter(file => file !== null)
    const counts = `${passes} passed, ${failures} failed`
    const text = `${this.#wishes.what ?? ''}${took} s: ${this.#done} of ${this.#all} files, ${counts}`
    this.#line(now.length === 0 ? text : `${text}; at ${now.map(short).join(', ')}`, true)
  }

  /** On a terminal, what tells how far it is stands in one line that is written again. */
  #line(text, isProgress = false) {
    if (!process.stdout.isTTY) console.log(text)
    else {
      const fits = text.slice(0, (process.stdout.columns ?? 80) - 1)
      process.stdout.write(`\r\u001b[K${isProgress ? fits : `${text}\n`}`)
    }
  }
}

/** What the cores have spent since the machine began, in milliseconds. */
function coreTimes() {
  const sum = times => times.reduce((one, other) => one + other, 0)
  const times = cpus().map(core => core.times)
  return { idle: sum(times.map(one => one.idle)), all: sum(times.flatMap(Object.values)) }
}

function mochaOptions(timeoutMs) {
  const { timeout, slow, forbidOnly } = JSON.parse(readFileSync(`${ROOT}.mocharc.json`, 'utf8'))
  return { timeout: timeoutMs ?? timeout, slow, forbidOnly }
}

function short(file) {
  return file.replace(/^test\//, '').replace(/\.test\.ts$/, '')
}

function keepSeconds(before, tookMs) {
  const now = [...tookMs].map(([file, ms]) => [file, Math.round(ms / 1_000)])
  const all = Object.entries({ ...before, ...Object.fromEntries(now) })
  const long = all.filter(([, took]) => took >= 2).sort(([, one], [, other]) => other - one)
  writeFileSync(SECONDS, `${JSON.stringify(Object.fromEntries(long), null, 2)}\n`)
}
