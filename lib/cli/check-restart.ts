/**
 * Restarting the judged server by a command of the caller's.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromWhereTyped } from './arguments.js'
import type { Terminal } from './command.js'

const LIMIT_MS = 60_000
const SAID_LIMIT_CHARS = 1_000

/**
 * Makes a restart of a command.
 *
 * What it leaves in the background may go on; so its output goes to a file and not to a pipe of
 * ours, which would end with us.
 *
 * @param command - a shell runs it, in the folder where `poe` was typed
 * @returns rejects where it does not end within a minute with 0; the message says what it said
 */
export function restartBy(command: string, terminal: Terminal): () => Promise<void> {
  const cwd = fromWhereTyped('.', terminal)
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poe-restart-'))
    const path = join(folder, 'output')
    const output = await open(path, 'w')
    try {
      const how = await run(command, { cwd, env: terminal.env }, output.fd)
      if (how === null) return
      const said = (await readFile(path, 'utf8')).trim().slice(-SAID_LIMIT_CHARS)
      throw new Error(said === '' ? how : `${how}: ${said}`)
    } finally {
      await output.close()
      await rm(folder, { recursive: true })
    }
  }
}

/** How it failed, `null` where it did not. */
function run(
  command: string,
  surroundings: { readonly cwd: string; readonly env: Terminal['env'] },
  output: number,
): Promise<string | null> {
  return new Promise(resolve => {
    const stdio: ['ignore', number, number] = ['ignore', output, output]
    const child = spawn(command, { ...surroundings, shell: true, stdio })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve(`it did not end within ${LIMIT_MS} ms`)
    }, LIMIT_MS)
    child.once('error', error => resolve(error.message))
    child.once('exit', code => {
      clearTimeout(timer)
      resolve(code === 0 ? null : `it ended with ${code ?? 'a signal'}`)
    })
  })
}
