/** A terminal in the test's own process: what `poe` says and exits with, without a child. */
import { Readable } from 'node:stream'
import type { Terminal } from '../../lib/cli/command.js'
import { runProgram } from '../../lib/cli/program.js'
import type { Ended } from './poe.js'

/** Runs `poe` in this process. */
export async function poeHere(
  args: readonly string[],
  about: Partial<Terminal> = {},
): Promise<Ended> {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    out: line => {
      out += `${line}\n`
    },
    err: line => {
      err += `${line}\n`
    },
    write: bytes => {
      out += Buffer.from(bytes).toString('latin1')
    },
    env: {},
    folder: '/nowhere',
    stdin: () => Readable.from([]),
    isTyped: false,
    isWatched: false,
    isColoured: false,
    interruption: () => new AbortController().signal,
    ...about,
  }
  const code = await runProgram(args, terminal)
  return { code, out, err }
}
