/**
 * `poe check`, in this process: what it judges, what it prints, what it exits with.
 */
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ConformanceReport } from 'post-once-exactly/conformance'
import { Interrupted } from '../../lib/cli/command.js'
import { type JudgedServer, startIndependent } from '../conformance/servers/independent.js'
import { startWrong } from '../conformance/servers/wrong.js'
import { poeHere } from './fake-terminal.js'
import { withServer } from './poe.js'

const ORDER = ['--valid', '{"sku":"tea-{n}","qty":1}', '--rounds', '2', '--age', '0']
const ALL = [
  ...['--header', 'X-User: ann', '--second-user', 'X-User: bob', '--effects', '/ledger#/orders'],
  ...['--invalid', '{"sku":"","qty":0}', ...ORDER],
]

const PRIVATE = { 'Cache-Control': 'private, no-cache' }

describe('poe check', () => {
  let server: JudgedServer
  let folder: string
  before(async () => {
    server = await startIndependent()
    folder = await mkdtemp(join(tmpdir(), 'poe-check-'))
  })
  after(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  it('a right server: exit 0, one line a requirement, the verdict last', async () => {
    const { code, out, err } = await poeHere(['check', server.page, ...ALL])
    expect(code).to.equal(0)
    expect(err).to.equal('')
    expect(out).to.match(/(\d+) of \1 +POE-2-1 +MUST NOT +After one success/)
    expect(out).to.match(/not judged without restart: POE-2-1\/restart/)
    expect(out.trimEnd().split('\n').at(-1)).to.equal('CONFORMANT IN WHAT WAS JUDGED (exit 0)')
  })

  it('a wrong server: exit 1, with what was expected, seen, and the exchange', async () => {
    const wrong = await startWrong('reuse-400')
    const { code, out } = await poeHere(['check', wrong.page, ...ALL, '--only', 'POE-2-4,POE-2-5'])
    await wrong.close()
    expect(code).to.equal(1)
    expect(out).to.match(/failed: POE-2-4\/reuse \(POE draft 2\)/)
    expect(out).to.match(/expected {2}status 405\n +seen +status 400\n +why/)
    expect(out).to.match(/\| X-User: \(left out\)/)
    expect(out).to.match(/NOT CONFORMANT \(exit 1\)\n$/)
    expect(out).to.not.match(/POE-2-1\//)
  })

  it('without a content that is accepted: exit 2, and what to give', async () => {
    const { code, out } = await poeHere(['check', server.page, '--valid', '{"sku":"","qty":0}'])
    expect(code).to.equal(2)
    expect(out).to.match(/give a content that it accepts as "valid"/)
    expect(out).to.match(/the rehearsal failed: \d+ checks/)
  })

  it('--strict: what is not judged leaves it open', async () => {
    const args = ['check', server.page, ...ORDER, '--only', 'POE-2-1', '--strict']
    expect((await poeHere(args)).code).to.equal(2)
    expect((await poeHere(args.slice(0, -1))).code).to.equal(0)
  })

  it('every flag at once: nobody there is still "could not tell"', async () => {
    const file = join(folder, 'ca.pem')
    await writeFile(
      file,
      await readFile(new URL('../support/tls/certificate.pem', import.meta.url)),
    )
    const flags = ['--profile', 'core', '--timeout', '500', '--total', '2000', '--ca', file]
    const more = ['--http2', '--strict', '--restart', 'true', '--skip', 'POE-2-1/many=slow']
    const args = ['check', 'https://127.0.0.1:1/', ...ALL, ...flags, ...more, '--report', 'json']
    const { code, out } = await poeHere(args)
    expect(code).to.equal(2)
    const report = JSON.parse(out) as ConformanceReport
    expect(report).to.include({ profile: 'core', rounds: 2, verdict: 'undetermined' })
    expect(Object.keys(report.grades)).to.deep.equal(['core'])
    expect(report.results[0]?.seen).to.match(/no connection was accepted/)
  })

  it('--skip leaves out, and says why', async () => {
    const args = ['check', server.page, ...ORDER, '--only', 'POE-2-4,POE-2-6']
    const { out, code } = await poeHere([...args, '--skip', 'POE-2-4=we say 400 = no'])
    expect(code).to.equal(0)
    expect(out).to.match(/as asked: we say 400 = no: POE-2-4\/reuse/)
  })

  it('--restart restarts, and says what it said where that fails', async () => {
    const args = ['check', server.page, ...ORDER, '--only', 'POE-2-1/restart', '--restart']
    expect((await poeHere([...args, 'true'], { folder, env: process.env })).code).to.equal(0)
    const failed = await poeHere([...args, 'echo no such unit >&2; exit 3'], { folder })
    expect(failed.code).to.equal(2)
    expect(failed.out).to.match(/could not ask: POE-2-1\/restart/)
    expect(failed.out).to.match(/The restart failed: it ended with 3: no such unit/)
  })

  it('--restart does not wait for what it leaves in the background', async () => {
    const args = ['check', server.page, ...ORDER, '--only', 'POE-2-1/restart', '--restart']
    const { code } = await poeHere([...args, 'sleep 5 &'], { folder, env: process.env })
    expect(code).to.equal(0)
  })

  it('an adapter file, and flags that win over it', async () => {
    const file = join(folder, 'adapter.json')
    await writeFile(file, '{"valid": {"json": {"sku": "", "qty": 0}}, "fields": {"X-User": "eve"}}')
    const args = ['check', server.page, '--only', 'POE-2-1/same', '--adapter', file]
    expect((await poeHere(args)).code).to.equal(2)
    expect((await poeHere([...args, ...ORDER])).code).to.equal(0)
  })

  for (const [format, begins] of [
    ['json', '{\n  "target"'],
    ['junit', '<?xml'],
    ['tap', 'TAP version 14'],
    ['html', '<!doctype html>'],
  ] as const) {
    it(`--report ${format} goes to stdout, or with --output to a file`, async () => {
      const args = ['check', server.page, ...ORDER, '--only', 'POE-2-1/same', '--report', format]
      const { out } = await poeHere(args)
      expect(out.startsWith(begins), out.slice(0, 40)).to.equal(true)
      const told = await poeHere([...args, '--output', 'report'], { folder })
      expect(told.out).to.match(/CONFORMANT/)
      expect(told.err).to.match(/The report \(\w+\) is in .*report\.\n/)
      const text = await readFile(join(folder, 'report'), 'utf8')
      expect(text.startsWith(begins)).to.equal(true)
      expect(await readdir(folder)).to.not.include('report.part')
    })
  }

  it('a report that cannot be written in the end is still told, exit 2', async () => {
    const gone = join(folder, 'gone')
    await mkdir(gone)
    const live = (line: string) => {
      if (line !== '') rmSync(gone, { recursive: true, force: true })
    }
    const args = ['check', server.page, ...ORDER, '--only', 'POE-2-1/same']
    const told = await poeHere([...args, '--output', join(gone, 'report')], { live })
    expect(told.code).to.equal(2)
    expect(told.out).to.match(/CONFORMANT IN WHAT WAS JUDGED/)
    expect(told.err).to.match(/cannot be written to .*ENOENT/)
  })

  it('--second-user says which fields are credentials, beside those of the file', async () => {
    const file = join(folder, 'cookies.json')
    await writeFile(file, '{"credentials": ["Cookie"], "secondUser": {"Cookie": "b"}}')
    const args = ['check', server.page, ...ALL, '--adapter', file]
    const { code, out } = await poeHere([...args, '--only', 'POE-2-3/unauthenticated'])
    expect(code).to.equal(0)
    expect(out).to.match(/1 of 1 +POE-2-3/)
  })

  it('what the text leaves open is a warning, and under --strict a failure', async () => {
    let count = 0
    const old = createServer((request, response) => {
      request.resume()
      count += 1
      const isPage = request.method === 'GET'
      if (isPage && request.headers.poe === '1') response.setHeader('POE-Links', `"/l/${count}"`)
      response.end(isPage ? JSON.stringify({ link: `/l/${count}` }) : 'done')
    })
    await new Promise<void>(resolve => old.listen(0, '127.0.0.1', resolve))
    const { port } = old.address() as AddressInfo
    const args = ['check', `http://127.0.0.1:${port}/`, '--only', 'POE-4-5']
    const open = await poeHere(args)
    const strict = await poeHere([...args, '--strict'])
    old.close()
    expect([open.code, strict.code]).to.deep.equal([0, 1])
    expect(open.out).to.match(/warning: POE-4-5\/newer/)
    expect(strict.out).to.match(/failed: POE-4-5\/newer/)
  })

  it('--list names every check, as text or data, and asks nobody', async () => {
    const { code, out } = await poeHere(['check', '--list'])
    expect(code).to.equal(0)
    expect(out).to.match(/^POE-2-1\/same +core +MUST NOT +POE draft 2 +the same POST again/m)
    const data = JSON.parse((await poeHere(['check', '--list', '--report', 'json'])).out)
    expect(data).to.have.length(out.trimEnd().split('\n').length)
  })

  it('a person who looks on sees which check is at work; a pipe sees nothing', async () => {
    const lines: string[] = []
    const live = (line: string) => void lines.push(line)
    await poeHere(['check', server.page, ...ORDER, '--only', 'POE-2-4/reuse'], { live })
    expect(lines).to.deep.equal(['1 of 1: POE-2-4/reuse', ''])
  })

  it('interrupted: what is known is told, exit 130', async () => {
    const controller = new AbortController()
    const live = (line: string) => {
      if (line.startsWith('4 of')) controller.abort(new Interrupted('SIGINT'))
    }
    const { code, out } = await poeHere(['check', server.page, ...ORDER, '--report', 'json'], {
      live,
      interruption: () => controller.signal,
    })
    expect(code).to.equal(130)
    const { results } = JSON.parse(out) as ConformanceReport
    expect(results.slice(0, 3).map(({ result }) => result)).to.include('pass')
    expect(results.at(-1)).to.include({ result: 'skipped' })
    expect(results.filter(({ seen }) => seen === 'interrupted').length).to.be.greaterThan(50)
  })

  for (const [args, says] of [
    [[], /Give the URL of the page/],
    [['ftp://x/'], /must be a URL that begins with http/],
    [['http://u:p@127.0.0.1/'], /must not hold a login/],
    [['http://127.0.0.1/', '--profile', 'best'], /--profile takes core, full or safe/],
    [['http://127.0.0.1/', '--report', 'pdf'], /--report takes text, json, junit, tap, html/],
    [['http://127.0.0.1/', '--rounds', '0'], /--rounds takes a whole number/],
    [['http://127.0.0.1/', '--rounds', '99999'], /rounds must be a whole number from 1 to/],
    [['http://127.0.0.1/', '--only', 'POE-9-9'], /no check and no requirement POE-9-9; --list/],
    [['http://127.0.0.1/', '--skip', 'POE-9-9=x'], /no check and no requirement POE-9-9/],
    [['http://127.0.0.1/', '--skip', 'POE-2-4'], /--skip takes an id and a reason/],
    [['http://127.0.0.1/', '--valid', '{'], /--valid takes JSON/],
    [['http://127.0.0.1/', '--effects', '/ledger'], /--effects takes a URL, # and a JSON pointer/],
    [['http://127.0.0.1/', '--header', 'secret'], /--header takes a name, a colon and a value/],
    [['http://127.0.0.1/', '--adapter', '/no/such'], /--adapter: \/no\/such cannot be read/],
    [['http://127.0.0.1/', '--output', '/no/such/file'], /--output: \/no\/such\/file cannot/],
    [['http://127.0.0.1/', '--ca', '/no/such'], /--ca: \/no\/such cannot be read/],
    [['http://127.0.0.1/', '--output', '/tmp'], /--output: \/tmp cannot be written \(EISDIR\)/],
    [['http://127.0.0.1/', '--header', 'Host: x'], /Host is set by the suite itself/],
    [['http://127.0.0.1/', '--effects', 'http://#/x'], /http:\/\/ is no URL/],
    [['http://127.0.0.1/', '--gate', 'poe'], /gate/],
    [['http://127.0.0.1/', '--door', 'front'], /--door takes poe, idempotency-key, action-id/],
  ] as const) {
    const words = args.slice(1).join(' ') || args[0] || 'nothing'
    it(`called with ${words}: exit 2, one line`, async () => {
      const { code, out, err } = await poeHere(['check', ...args])
      expect({ code, out }).to.deep.equal({ code: 2, out: '' })
      expect(err).to.match(says)
      expect(err).to.not.include('secret')
      expect(err).to.match(/`poe check --help` tells more\.\n$/)
    })
  }

  it('[FALSE-3805] why nothing can be judged is said by its cause', () =>
    withServer(
      ({ method, path }, response) => {
        if (method === 'POST') response.writeHead(Number(path.slice(4, 7))).end()
        else response.writeHead(200, PRIVATE).end(`{"link":"${path}/once"}`)
      },
      async ({ origin }) => {
        for (const [args, says] of [
          [['http://no-such-host.invalid/'], /there is no host of that name \(/],
          [[origin.replace('http:', 'https:')], /is it http\? \(ERR_SSL_WRONG_VERSION_NUMBER\)/],
          [[origin, '--http2'], /what came is not HTTP\/2 \(ERR_HTTP2/],
          [[`${origin}/at-404`], /404\): is that the link\? Say in the adapter/],
          [[`${origin}/at-403`], /403\): does it need a login\?/],
          [[`${origin}/at-422`], /422\): give a content that it accepts/],
          [[`${origin}/at-404`, '--door', 'idempotency-key'], /404\): is that where it goes\?/],
        ] as const) {
          const { code, out } = await poeHere(['check', ...args, '--timeout', '2000'])
          expect(out).to.match(says)
          expect(code).to.equal(2)
        }
      },
    ))

  it('[FALSE-3805] an adapter may begin with a byte order mark', async () => {
    const file = join(folder, 'marked.json')
    await writeFile(file, '\uFEFF{"valid": {"xml": ""}}')
    const { err } = await poeHere(['check', 'http://127.0.0.1/', '--adapter', file])
    expect(err).to.match(/valid has no member xml/)
  })

  it('an adapter that is none: exit 2, and what is wrong with it', async () => {
    const file = join(folder, 'wrong.json')
    for (const [text, says] of [
      ['{', /The adapter is not JSON/],
      ['[]', /The adapter must be an object/],
      ['{"fields": {"a b": "x"}}', /"a b" cannot be sent as a field/],
      ['{"effect": 1}', /has no member effect; known: link, page/],
      ['{"effects": {"url": "/x"}}', /effects lacks pointer/],
      ['{"link": "body"}', /link must be auto, field, form, location or/],
      ['{"valid": {"xml": ""}}', /valid has no member xml/],
      ['{"page": {"method": "PUT"}}', /method must be GET or POST/],
      ['{"shortLived": {"lifeMs": 0}}', /lifeMs must be milliseconds, from 1 to 60000/],
      ['{"credentials": "Cookie"}', /credentials must be a list/],
      ['{"link": {"pointer": "x"}}', /pointer must be a JSON pointer/],
    ] as const) {
      await writeFile(file, text)
      const { code, err } = await poeHere(['check', 'http://127.0.0.1/', '--adapter', file])
      expect(code, text).to.equal(2)
      expect(err, text).to.match(says)
    }
  })
})
