/**
 * The servers and the client in other languages are right: they pass the suites as they are, by
 * default and `core`, and keep what they know through a restart.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { checkClient, readAdapter, runConformance } from 'post-once-exactly/conformance'
import {
  areInstalled,
  freePort,
  listens,
  type ServerChild,
  startProgram,
} from '../../test/support/servers/programs.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const MOST_LINES = 120

interface Example {
  readonly file: string
  readonly program: string
  readonly page: string
  readonly adapter: 'json' | 'form'
  /** What is started; by default the file, with port and folder. */
  readonly start?: (port: number, folder: string) => ServerChild
}

const EXAMPLES: readonly Example[] = [
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

describe('examples/elsewhere', function () {
  this.timeout(300_000)

  for (const example of EXAMPLES) {
    if (!areInstalled([example.program], example.file)) continue
    it(`${example.file} passes poe check`, () => judged(example))
  }

  if (areInstalled(['python3'], 'poe-client.py')) {
    it('poe-client.py passes poe check-client', async () => {
      const command = ['python3', `${HERE}poe-client.py`, '{url}', '{"item":"tea"}']
      const report = await checkClient({ client: { command } })
      expect(toldOf(report.results)).to.deep.equal([])
      expect(report.exitCode).to.equal(0)
    })
  }

  it('each has at most 120 lines of code', () => {
    const sizes = readdirSync(HERE)
      .filter(file => /\.(?:py|mjs|pl|php)$/.test(file))
      .map(file => [file, linesOf(readFileSync(join(HERE, file), 'utf8'))] as const)
    expect(sizes).to.have.lengthOf(EXAMPLES.length + 1)
    for (const [file, lines] of sizes) expect(lines, file).to.be.within(60, MOST_LINES)
  })
})

/** Without blank lines, comments and Python's texts about the code. */
function linesOf(text: string): number {
  const code = text.replaceAll(/^ *"""[\s\S]*?"""\n/gm, '')
  return code.split('\n').filter(line => !/^\s*(?:(?:#|\/\/).*)?$/.test(line)).length
}

async function judged({ file, program, page, adapter, start }: Example): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'poe-elsewhere-'))
  const port = await freePort()
  const run = () =>
    start?.(port, folder) ?? startProgram(program, [HERE + file, String(port), folder])
  let server = run()
  try {
    await listens(port)
    const text = readFileSync(`${HERE}poe-check-${adapter}.json`, 'utf8')
    const report = await runConformance({
      url: `http://127.0.0.1:${port}${page}`,
      adapter: readAdapter(text),
      rounds: 5,
      restart: async () => {
        await end(server)
        server = run()
        await listens(port)
      },
    })
    expect(toldOf(report.results)).to.deep.equal([])
    expect(report.grades.core?.verdict).to.equal('conformant')
    expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
  } finally {
    await end(server)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** With the workers that it has started, if it is the first of a group. */
async function end(server: ServerChild): Promise<void> {
  const { pid, spawnargs } = server.child
  if (pid !== undefined && spawnargs[0] === 'php') process.kill(-pid, 'SIGKILL')
  await server.end()
}

interface Told {
  readonly id: string
  readonly result: string
  readonly expected?: string
  readonly seen?: string
}

function toldOf(results: readonly Told[]): string[] {
  return results
    .filter(({ result }) => !['pass', 'info', 'warn', 'skipped'].includes(result))
    .map(({ id, result, expected, seen }) => `${result} ${id}: ${expected}, ${seen}`)
}
