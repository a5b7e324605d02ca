/**
 * What `start`, `test` and `check` share: a Node that is new enough, packages that match the
 * lockfile, and children whose exit we pass on. Runs before anything is installed, so it uses
 * nothing but Node itself, and syntax that an old Node can still read.
 */
import { spawn } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

const OLDEST = [20, 19]
/** On Node 24 better-sqlite3 12, which the lockfile has, can end the process; on Node 20 13 does. */
const NEWER_DRIVER = '13.2.0'
const wantsNewerDriver = Number(process.versions.napi) >= 10
const DRIVER = `${ROOT}node_modules/better-sqlite3`
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Gets the project ready to run, or ends this process with one line that says why not. */
export async function prepare() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    fail(`Node ${OLDEST.join('.')} or later is needed; this is ${process.versions.node}.`)
  }
  if (installed()) return
  const done = await lockInstalling()
  if (installed()) return done()
  // npm would empty the folder that the link leads to, which somebody else uses.
  if (isLink(`${ROOT}node_modules`)) {
    fail('node_modules is a link, and what it leads to is out of date: run npm ci there.')
  }
  let code = 0
  if (!installedAsLocked() || !wantsNewerDriver) {
    console.log('Installing packages: npm ci')
    const noScripts = wantsNewerDriver ? ['--ignore-scripts'] : []
    code = await runNpm(['ci', '--include=dev', ...noScripts])
  }
  if (code === 0 && wantsNewerDriver) code = await exchangeDriver()
  done()
  if (code !== 0) fail('The packages could not be installed; see above.', code)
}

/** Puts the newer better-sqlite3 in the place of the one that the lockfile has. */
async function exchangeDriver() {
  console.log(`Installing better-sqlite3 ${NEWER_DRIVER}, which this Node needs`)
  const folder = `${ROOT}.tmp/driver`
  const wishes = ['--no-save', '--no-audit', '--no-fund', '--prefix', folder]
  mkdirSync(folder, { recursive: true })
  const code = await runNpm(['install', ...wishes, `better-sqlite3@${NEWER_DRIVER}`])
  if (code !== 0) return code
  rmSync(DRIVER, { recursive: true, force: true })
  renameSync(`${folder}/node_modules/better-sqlite3`, DRIVER)
  rmSync(folder, { recursive: true, force: true })
  return 0
}

/**
 * Runs a program in the project's folder with our own terminal, passing signals on.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Record<string, string>} [env] - added to ours
 * @param {string} [cwd] - another folder than the project's
 * @returns {Promise<number>} its exit code; 128 + number where a signal ended it, as shells say
 */
export function run(program, args, env = {}, cwd = ROOT) {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      cwd,
      stdio: 'inherit',
      env: { ...process.env, ...env },
      shell: program.endsWith('.cmd'),
    })
    // A terminal sends its interrupt to the child as well; this process only has to outlive it.
    const forget = onStopped(signal => child.kill(signal))
    const settle = code => {
      forget()
      resolve(code)
    }
    child.on('error', error => {
      console.error(`${program} cannot be run: ${error.message}`)
      settle(127)
    })
    child.on('exit', (code, signal) => {
      settle(code === null ? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0) : code)
    })
  })
}

/**
 * Tells when this process is asked to stop, by a signal or because npm's shell is gone.
 *
 * @param {(signal: string) => void} listener
 * @returns {() => void} stops listening
 */
export function onStopped(listener) {
  const listeners = PASSED_ON.map(signal => [signal, () => listener(signal)])
  for (const [signal, listen] of listeners) process.on(signal, listen)
  const stopWatching = onOrphaned(() => listener('SIGTERM'))
  return () => {
    stopWatching()
    for (const [signal, listen] of listeners) process.off(signal, listen)
  }
}

/**
 * Tells when npm's shell is gone. npm ends that shell on SIGTERM, and the shell does not pass the
 * signal on: what it ran would stay behind, and keep its port.
 */
function onOrphaned(listener) {
  if (process.env.npm_lifecycle_event === undefined) return () => {}
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    listener()
  }, 200)
  return () => clearInterval(timer)
}

/**
 * Runs npm, the one that started us where there is one.
 *
 * @param {readonly string[]} args
 * @returns {Promise<number>} its exit code
 */
export function runNpm(args) {
  const npm = process.env.npm_execpath
  if (npm?.endsWith('.js')) return run(process.execPath, [npm, ...args])
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args)
}

/**
 * Ends this process with one line on stderr.
 *
 * @param {string} line
 * @param {number} [code]
 * @returns {never}
 */
export function fail(line, code = 1) {
  console.error(line)
  process.exit(code)
}

function installed() {
  if (!installedAsLocked()) return false
  const file = `${DRIVER}/package.json`
  const version = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : ''
  return (version === NEWER_DRIVER) === wantsNewerDriver
}

/**
 * Compares what npm says that it installed with the lockfile. File times alone would reinstall
 * after every fresh checkout, also where there is no network.
 */
function installedAsLocked() {
  const record = `${ROOT}node_modules/.package-lock.json`
  if (!existsSync(record)) return false
  const present = readPackages(record)
  const wanted = readPackages(`${ROOT}package-lock.json`)
  for (const [path, entry] of Object.entries(wanted)) {
    const there = present[path]
    if (path === '') continue
    if (there === undefined ? !entry.optional : there.version !== entry.version) return false
  }
  return true
}

/**
 * Waits until nobody else installs here: two at once empty each other's folders.
 *
 * @returns {Promise<() => void>} lets the next one install
 */
async function lockInstalling() {
  const lock = `${ROOT}.tmp/installing`
  mkdirSync(`${ROOT}.tmp`, { recursive: true })
  for (let round = 0; ; round += 1) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      const done = () => rmSync(lock, { force: true })
      process.once('exit', done)
      return done
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (round === 0) console.log('Another process installs the packages; waiting for it.')
    await new Promise(resolve => setTimeout(resolve, 500))
    const pid = readNumber(lock)
    // Without a number it is new, or its writer died in that moment.
    if (pid === 0 ? round % 20 === 19 : !isAlive(pid)) rmSync(lock, { force: true })
  }
}

function readNumber(file) {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}
