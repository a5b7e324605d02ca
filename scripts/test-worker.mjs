/**
 * One process of a test run: runs the files that the parent names, one after the other, and tells
 * what came of each. It ends by itself after the last one; whatever keeps it alive was not closed.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { format } from 'node:util'
import Mocha from 'mocha'

// Of the tree that is tested, which need not be the one that this file is of.
const { mochaHooks } = await import(resolve('test/support/setup.ts'))
const { Base } = Mocha.reporters
const { EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants
/** What `/proc` counts in. */
const TICK_MS = 10
/** A process that is alive so long after its last file tells why, before it is killed. */
const OPEN_MS = 20_000
// What this process reaches is counted. Children run a copy of the tree, which nobody counts.
delete process.env.NODE_V8_COVERAGE
const options = JSON.parse(process.env.POE_TEST_OPTIONS ?? '{}')

// By `exit`, so that the servers which tests started end with this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130))
process.on('disconnect', () => process.exit(130))
process.on('message', async message => {
  if (message.file !== undefined) process.send(await runFile(message.file))
  else await end()
})
process.send({ ready: true })

/** Runs a file; an error while it is loaded is a failure like any other. */
async function runFile(file) {
  const startedMs = performance.now()
  const startedCpuMs = cpuMs()
  const told = { file, passes: 0, pending: 0, failures: [], ms: 0, cpuMs: 0 }
  const failed = []
  const mocha = new Mocha({ ...options, reporter: class {} })
  try {
    mocha.addFile(file)
    await mocha.loadFilesAsync()
    await new Promise(resolve => {
      const runner = mocha.run(resolve)
      runner.on(EVENT_TEST_PASS, () => {
        told.passes += 1
      })
      runner.on(EVENT_TEST_PENDING, () => {
        told.pending += 1
      })
      runner.on(EVENT_TEST_FAIL, (test, error) => failed.push(Object.assign(test, { err: error })))
    })
    told.failures = failed.map(asText)
  } catch (error) {
    told.failures = [...failed.map(asText), `  ${file} cannot be run:\n${format(error)}`]
  } finally {
    // Else its listeners for what nobody caught stay, one for each file.
    mocha.dispose()
  }
  return { ...told, ms: performance.now() - startedMs, cpuMs: cpuMs() - startedCpuMs }
}

/** The time on a core of this process and, where the system tells it, of its children that ended. */
function cpuMs() {
  const { user, system } = process.cpuUsage()
  let children = 0
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    children = (Number(fields[13]) + Number(fields[14])) * TICK_MS
  } catch {}
  return (user + system) / 1_000 + children
}

/** A failure as mocha's own reporters print it, without its number. */
function asText(test) {
  const lines = []
  Base.consoleLog = (...args) => lines.push(format(...args))
  try {
    Base.list([test])
  } finally {
    Base.consoleLog = console.log
  }
  return lines
    .join('\n')
    .replace(/^\s*1\) /, '  ')
    .trimEnd()
}

async function end() {
  setTimeout(() => console.error(stillOpen()), OPEN_MS).unref()
  await mochaHooks.afterAll()
  process.removeAllListeners('message')
  process.removeAllListeners('disconnect')
  process.disconnect()
  // Nothing is open any more. Left to itself, Node 20 may go round for ever in its own cleaning up.
  process.once('beforeExit', () => process.exit())
}

/** What keeps this process alive: Node names the kinds, and of sockets and children what it knows. */
function stillOpen() {
  const handles = process._getActiveHandles().map(handle => {
    const { localPort, remotePort, spawnfile, pid } = handle
    const about = { localPort, remotePort, spawnfile, pid }
    return `${handle.constructor.name} ${JSON.stringify(about)}`
  })
  return [`open still: ${process.getActiveResourcesInfo().join(', ')}`, ...handles].join('\n')
}
