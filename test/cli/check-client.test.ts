/**
 * `poe check-client`, in this process: how it runs commands, what it prints, what it exits with.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { poeHere } from './fake-terminal.js'

/** Programs as clients: what they do with the link, and what they exit with. */
const POSTS = `
  const order = { method: 'POST', body: 'tea' }
  const answer = await fetch(process.env.POE_LINK, order).catch(() => null)
  process.exitCode = answer?.ok ? 0 : 3`
const NOTHING = 'process.exitCode = 0'

function client(code: string): string[] {
  return ['--', process.execPath, '--input-type=module', '-e', code]
}

describe('poe check-client', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'poe-check-client-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('a client that passes what is asked: exit 0', async () => {
    const args = ['--takes', 'link', '--only', 'POE-5-2,POE-2-14', ...client(POSTS)]
    const { code, out } = await poeHere(['check-client', ...args])
    expect(code, out).to.equal(0)
    expect(out).to.match(/1 of 1 +POE-2-14 +MUST +Giving up is told/)
  })

  it('a client that tells success without a POST: exit 1', async () => {
    const { code, out } = await poeHere(['check-client', '--only', 'POE-5-2', ...client(NOTHING)])
    expect(code).to.equal(1)
    expect(out).to.match(/failed: POE-5-2\/accepted/)
    expect(out).to.match(/expected {2}no word of success/)
  })

  it('what its exit codes say can be told; a failure that says nothing is a warning', async () => {
    const args = ['--takes', 'link', '--only', 'POE-2-14', '--exits', '0=accepted,3=failed']
    const { code, out } = await poeHere(['check-client', ...args, ...client(POSTS)])
    expect(code).to.equal(0)
    expect(out).to.match(/warning: POE-2-14\/told/)
    const strict = await poeHere(['check-client', ...args, '--strict', ...client(POSTS)])
    expect(strict.code).to.equal(1)
  })

  it('a command that cannot be started, or never succeeds: exit 2, and advice', async () => {
    const missing = await poeHere(['check-client', '--', '/no/such/client', '{url}'])
    expect(missing.code).to.equal(2)
    expect(missing.out).to.match(/could not ask: POE-5-2\/accepted/)
    expect(missing.out).to.match(/ENOENT/)
    const complaint = 'console.error("no such flag"); process.exitCode = 9'
    const failing = await poeHere(['check-client', ...client(complaint)])
    expect(failing.out).to.match(/\| it said:\n +\| no such flag/)
    expect(failing.code).to.equal(2)
    expect(failing.out).to.match(/the client told "failed": see to the command/)
    expect(failing.out).to.match(/the rehearsal failed: \d+ checks/)
  })

  it('{url} and {link} are filled in, and --help of the command is not ours', async () => {
    const code = `
      const [url, link] = process.argv.slice(1, 3).map(one => new URL(one))
      if (process.argv[3] !== '--help' || url.pathname !== '/page') process.exit(9)
      const answer = await fetch(link, { method: 'POST', body: 'tea' })
      process.exitCode = answer.ok ? 0 : 3`
    const command = [...client(code), '{url}', '{link}', '--help']
    const told = await poeHere(['check-client', '--only', 'POE-5-2/accepted', ...command])
    expect(told.code, told.out).to.equal(0)
  })

  it('a client that does not end is killed, with what it started', async () => {
    const file = join(folder, 'pid')
    const code = `
      const { spawn } = await import('node:child_process')
      const { writeFileSync } = await import('node:fs')
      const { pid } = spawn('sleep', ['600'])
      writeFileSync(${JSON.stringify(file)}, String(pid))
      setInterval(() => {}, 1000)`
    const args = ['--only', 'POE-5-2', '--timeout', '1500', ...client(code)]
    const { code: exit, out } = await poeHere(['check-client', ...args])
    expect(exit).to.equal(2)
    expect(out).to.match(/the client told "late"/)
    const pid = Number(await readFile(file, 'utf8'))
    expect(isAlive(pid)).to.equal(false)
  })

  it('--serve without a command prints what to open, and takes the word of the page', async () => {
    await writeFile(join(folder, 'index.html'), '<p>a page</p>')
    const opened: string[] = []
    const err = (line: string) => {
      const [, url] = /: open (\S+)$/.exec(line) ?? []
      if (url !== undefined) void open(url, opened)
    }
    const args = ['check-client', '--serve', folder, '--only', 'POE-5-2,POE-2-14,POE-5-4']
    const { code, out } = await poeHere(args, { err })
    expect(code, out).to.equal(0)
    expect(opened[0]).to.match(/<p>a page<\/p>/)
  })

  it('no file outside the folder is served', async () => {
    const answers: number[] = []
    const err = async (line: string) => {
      const [, url] = /: open (\S+)$/.exec(line) ?? []
      if (url === undefined) return
      for (const path of ['..%2f..%2fetc%2fpasswd', '%2e%2e/secret', 'missing.js']) {
        answers.push((await fetch(new URL(path, url))).status)
      }
      await tell(url, 'accepted')
    }
    const only = ['--only', 'POE-5-2/accepted', '--timeout', '5000']
    await poeHere(['check-client', '--serve', folder, ...only], { err: line => void err(line) })
    expect(answers).to.deep.equal([404, 404, 404])
  })

  for (const [args, says] of [
    [[], /Give the command after --/],
    [['client'], /Put -- in front of the command/],
    [['--takes', 'both', '--', 'x'], /--takes takes page or link/],
    [['--exits', '0', '--', 'x'], /--exits takes codes and words/],
    [['--exits', '0=fine', '--', 'x'], /--exits takes codes and words/],
    [['--only', 'POE-9-9', '--', 'x'], /no check and no requirement POE-9-9/],
    [['--jobs', '1000', '--', 'x'], /jobs must be a whole number from 1 to 64/],
    [['--report', 'pdf', '--', 'x'], /--report takes text/],
  ] as const) {
    it(`called with ${args.join(' ') || 'nothing'}: exit 2, one line`, async () => {
      const { code, out, err } = await poeHere(['check-client', ...args])
      expect({ code, out }).to.deep.equal({ code: 2, out: '' })
      expect(err).to.match(says)
    })
  }

  it('--list and --help ask nobody', async () => {
    const list = await poeHere(['check-client', '--list'])
    expect(list.out).to.match(/^POE-5-2\/accepted +implied +POE draft 5 +all goes well/)
    const data = JSON.parse((await poeHere(['check-client', '--list', '--report', 'json'])).out)
    expect(data[0]).to.have.keys('name', 'script', 'checks')
    expect((await poeHere(['check-client', '--help'])).out).to.match(/^Usage: poe check-client/)
  })

  it('reports as JSON, too', async () => {
    const args = ['--takes', 'link', '--only', 'POE-5-2/accepted', '--report', 'json']
    const { out } = await poeHere(['check-client', ...args, ...client(POSTS)])
    expect(JSON.parse(out)).to.include({ verdict: 'conformant', exitCode: 0 })
  })

  it('a report names the command as far as its first option', async () => {
    const args = ['--takes', 'link', '--only', 'POE-5-2/accepted', '--', 'env', '--', 'false']
    const { out } = await poeHere(['check-client', ...args, '--token', 'secret'])
    expect(out).to.match(/^poe check-client env\n/)
    expect(out).to.not.include('secret')
  })
})

/** What a page does, in the place of a browser. */
async function open(url: string, opened: string[]): Promise<void> {
  opened.push(await (await fetch(url)).text())
  const query = new URL(url).searchParams
  const link = new URL(query.get('link') ?? '', url)
  const answer = await fetch(link, { method: 'POST', body: 'tea' }).catch(() => null)
  await tell(url, answer?.ok === true ? 'accepted' : 'unknown')
}

async function tell(url: string, outcome: string): Promise<void> {
  const body = JSON.stringify({ outcome })
  await fetch(new URL('/poe-check-client/ended', url), { method: 'POST', body })
}

/** One that has ended and that nobody has asked about yet is not alive. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.startsWith('Z')
}
