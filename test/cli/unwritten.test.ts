/**
 * Output that does not arrive: a full disk is told, a reader who has had enough is not.
 */
import { execFile } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { strippedModule } from '../support/stripped-tree.js'
import { ORDER, withServer } from './poe.js'

const SHELL = promisify(execFile)

/** Runs the command with its output led by a shell. */
async function led(to: string, ...args: readonly string[]) {
  const command = `"$@" ${to}; printf %s "$?" >&2`
  const words = [process.execPath, strippedModule('lib/cli/main.ts'), ...args]
  return await SHELL('sh', ['-c', command, 'sh', ...words])
}

/** Linux has a file whose disk is always full. */
const ofFullDisk = existsSync('/dev/full') ? it : () => {}

describe('poe: output that does not arrive', () => {
  ofFullDisk('[FALSE-3808] a full disk: told on stderr, exit 2', async () => {
    for (const args of [['explain'], ['check', '--list'], ['migrate', '--print']]) {
      const { stderr } = await led('>/dev/full', ...args)
      expect(stderr, args[0]).to.match(/^The output cannot be written: ENOSPC.*\n2$/)
    }
  })

  ofFullDisk('[FALSE-3808] the code of post tells of the POST', () =>
    withServer(
      (_seen, response) => response.writeHead(201).end('order 7'),
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER]
        const { stderr } = await led('>/dev/full', ...args)
        expect(stderr).to.match(/^accepted: .*\nThe output cannot be written: ENOSPC.*\n0$/)
      },
    ),
  )

  it('[FALSE-4666] --output to a pipe or a link: it stays, and gets the report', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'poe-output-'))
    const [pipe, link, got] = ['pipe', 'link', 'got'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ]
    await SHELL('mkfifo', [pipe])
    writeFileSync(join(folder, 'there'), 'old')
    symlinkSync(join(folder, 'there'), link)
    const args = ['check', 'http://127.0.0.1:9/', '--report', 'tap', '--output']
    const reading = SHELL('sh', ['-c', `cat "$1" > "$2"`, 'sh', pipe, got])
    await led('', ...args, pipe)
    await reading
    await led('', ...args, link)
    const kinds = [lstatSync(pipe).isFIFO(), lstatSync(link).isSymbolicLink()]
    const texts = [got, join(folder, 'there')].map(path => readFileSync(path, 'utf8'))
    rmSync(folder, { recursive: true })
    expect(kinds).to.deep.equal([true, true])
    for (const text of texts) expect(text).to.match(/^TAP version/)
  })

  it('[FALSE-3808] whoever has read enough: nothing is said', async () => {
    const { stdout, stderr } = await led('| head -n 1', 'check', '--list')
    expect(stdout).to.match(/^POE-2-2\/first.*\n$/)
    expect(stderr).to.equal('0')
  })
})
