/**
 * The servers and the client in other languages are right: they pass the suites as they are, by
 * default and `core`, and keep what they know through a restart.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  type ConformanceReport,
  checkClient,
  readAdapter,
  runConformance,
} from 'post-once-exactly/conformance'
import { areInstalled } from '../../test/support/servers/programs.js'
import { sideBySide } from '../../test/support/side-by-side.js'
import { EXAMPLES, type Example, HERE, startExample } from './servers.js'

const MOST_LINES = 120
/** A run is pauses, most of the time. */
const AT_ONCE = 4

describe('examples/elsewhere', function () {
  this.timeout(300_000)

  const installed = EXAMPLES.filter(({ program, file }) => areInstalled([program], file))
  const reports = new Map<string, ConformanceReport>()
  const command = ['python3', `${HERE}poe-client.py`, '{url}', '{"item":"tea"}']
  let ofClient: Awaited<ReturnType<typeof checkClient>> | null = null

  before('judges all of them, several at once', async () => {
    await Promise.all([
      sideBySide(installed, AT_ONCE, async example => {
        reports.set(example.file, await judged(example))
      }),
      areInstalled(['python3'], 'poe-client.py') &&
        checkClient({ client: { command } }).then(report => {
          ofClient = report
        }),
    ])
  })

  for (const { file } of installed) {
    it(`${file} passes poe check`, () => {
      const report = reports.get(file)
      expect(toldOf(report?.results ?? [])).to.deep.equal([])
      expect(report?.grades.core?.verdict).to.equal('conformant')
      expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
    })
  }

  if (areInstalled(['python3'], 'poe-client.py')) {
    it('poe-client.py passes poe check-client', () => {
      expect(toldOf(ofClient?.results ?? [])).to.deep.equal([])
      expect(ofClient?.exitCode).to.equal(0)
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

async function judged(example: Example): Promise<ConformanceReport> {
  const folder = mkdtempSync(join(tmpdir(), 'poe-elsewhere-'))
  const server = await startExample(example, folder)
  try {
    const text = readFileSync(`${HERE}poe-check-${example.adapter}.json`, 'utf8')
    return await runConformance({
      url: server.origin + example.page,
      adapter: readAdapter(text),
      rounds: 2,
      restart: server.restart,
    })
  } finally {
    await server.end()
    rmSync(folder, { recursive: true, force: true })
  }
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
