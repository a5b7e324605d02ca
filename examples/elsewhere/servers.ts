/** Starts and ends the servers of this folder. */
import { fileURLToPath } from 'node:url'
import {
  freePort,
  listens,
  type ServerChild,
  startProgram,
} from '../../test/support/servers/programs.js'

/** Where they are. */
export const HERE = fileURLToPath(new URL('.', import.meta.url))

/** A server. */
export interface Example {
  readonly file: string
  readonly program: string
  readonly page: string
  readonly adapter: 'json' | 'form'
  /** What is started; by default the file, with port and folder. */
  readonly start?: (port: number, folder: string) => ServerChild
}

/** All of them. */
export const EXAMPLES: readonly Example[] = [
  { file: 'sqlite-threads.py', program: 'python3', page: '/basket', adapter: 'json' },
  { file: 'asyncio-held.py', program: 'python3', page: '/desk', adapter: 'form' },
  { file: 'files.mjs', program: 'node', page: '/links', adapter: 'json' },
  { file: 'forking.pl', program: 'perl', page: '/links', adapter: 'form' },
  {
    file: 'forms.php',
    program: 'php',
    page: '/order',
    adapter: 'form',
    start: (port, folder) =>
      startProgram('php', ['-S', `127.0.0.1:${port}`, `${HERE}forms.php`], {
        env: { ...process.env, PHP_CLI_SERVER_WORKERS: '8', SHOP_FOLDER: folder },
        detached: true,
      }),
  },
]

/** A server that runs. */
export interface Running {
  readonly origin: string
  restart(): Promise<void>
  end(): Promise<void>
}

/**
 * Starts one.
 *
 * @param folder - where it keeps what it must know
 */
export async function startExample(example: Example, folder: string): Promise<Running> {
  const { file, program, start } = example
  const port = await freePort()
  const run = () =>
    start?.(port, folder) ?? startProgram(program, [HERE + file, String(port), folder])
  let server = run()
  await listens(port)
  return {
    origin: `http://127.0.0.1:${port}`,
    restart: async () => {
      await end(server)
      server = run()
      await listens(port)
    },
    end: () => end(server),
  }
}

/** With the workers that it has started, if it is the first of a group. */
async function end(server: ServerChild): Promise<void> {
  const { pid, spawnargs } = server.child
  if (pid !== undefined && spawnargs[0] === 'php') process.kill(-pid, 'SIGKILL')
  await server.end()
}
