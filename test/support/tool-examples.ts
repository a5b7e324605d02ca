/**
 * The examples of `examples/transactions/tools`, with the packages that they need: almost 400 MB,
 * and so not among this package's own. They are installed from their own lockfile into `.tmp`, once
 * for a lockfile.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type pg from 'pg'
import type { OpenTool } from '../../examples/transactions/tools/tool.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCE = join(ROOT, 'examples/transactions/tools')
const INSTALL_MS = 280_000

/** The tools that there is an example of. */
export const TOOLS = [
  ...['drizzle', 'kysely', 'typeorm', 'prisma', 'knex', 'objection', 'mikro-orm', 'sequelize'],
] as const

/**
 * Installs the tools, where they are not, and copies the examples to them, without their types.
 * Test files that need them at once wait for the first one.
 *
 * @returns their folder
 */
export async function installTools(): Promise<string> {
  const folder = join(ROOT, '.tmp/transaction-tools')
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'installing')
  while (!isTaken(lock)) await pause(200)
  try {
    await install(folder)
  } finally {
    rmSync(lock, { force: true })
  }
  return folder
}

async function install(folder: string): Promise<void> {
  const wanted = readFileSync(join(SOURCE, 'package-lock.json'), 'utf8')
  const installed = join(folder, 'installed-lock.json')
  const isInstalled = existsSync(installed) && readFileSync(installed, 'utf8') === wanted
  const { default: blankSpace } = await import('ts-blank-space')
  const isCode = (name: string): boolean => /^(?:with-.+|tool)\.ts$/.test(name)
  for (const name of readdirSync(SOURCE).filter(isCode)) {
    const code = blankSpace(readFileSync(join(SOURCE, name), 'utf8'))
    writeChanged(join(folder, name.replace(/\.ts$/, '.js')), code)
  }
  if (isInstalled) return
  rmSync(installed, { force: true })
  cpSync(SOURCE, folder, { recursive: true })
  const inFolder = { cwd: folder, timeout: INSTALL_MS, maxBuffer: 1 << 24 }
  // Nothing of them is compiled, and Prisma's engine for migrations is not needed.
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await run('npm', ['ci', ...quiet], inFolder)
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }
  await run('npx', ['--no-install', 'prisma', 'generate'], { ...inFolder, env })
  writeFileSync(installed, wanted)
}

/** Takes a lock; one whose process is gone is free. */
function isTaken(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: 'wx' })
    return true
  } catch {
    if (!isRunning(lock)) rmSync(lock, { force: true })
    return false
  }
}

function isRunning(lock: string): boolean {
  let pid = 0
  try {
    pid = Number(readFileSync(lock, 'utf8'))
  } catch {
    // It was given back just now.
  }
  try {
    // It may have been made, and not be written yet.
    return pid === 0 || process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A process of another test may be reading it. */
function writeChanged(path: string, code: string): void {
  if (!existsSync(path) || readFileSync(path, 'utf8') !== code) writeFileSync(path, code)
}

/** The `pg` that the tools have, so that what they ask `instanceof` is theirs. */
export function driverOf(folder: string): typeof pg {
  return createRequire(join(folder, 'package.json'))('pg') as typeof pg
}

/** Loads a tool's example. */
export async function loadTool(folder: string, name: string): Promise<OpenTool> {
  const { href } = pathToFileURL(join(folder, `with-${name}.js`))
  return ((await import(href)) as { readonly open: OpenTool }).open
}
