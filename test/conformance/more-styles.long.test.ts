/**
 * Twenty more right servers, in five languages and styles: each passes by default and in `core`,
 * most of them with no more than their page's address and where effects are counted.
 */
import { spawn } from 'node:child_process'
import { once as emitted } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import {
  type ConformanceReport,
  runConformance,
  type ServerAdapter,
} from 'post-once-exactly/conformance'
import { areInstalled } from '../support/servers/programs.js'
import { sideBySide } from '../support/side-by-side.js'
import { halfFor } from './parts.js'
import { deskServer, type Traits } from './servers/right/desk.js'
import { koaPlainServer } from './servers/right/koa-plain.js'
import { rawSocketsServer } from './servers/right/raw-sockets.js'

interface Running {
  readonly origin: string
  readonly close: () => void
}

interface Style {
  readonly says: string
  readonly start: () => Promise<Running>
  readonly path: string
  readonly adapter: ServerAdapter
}

const COUNT = { url: '/count', pointer: '/orders' }

/** What the desk takes, as JSON and as a form. */
const DESK: ServerAdapter = {
  valid: { json: { what: 'tea {n}' } },
  invalid: { json: { what: '' } },
  effects: COUNT,
  provoke: {
    slow: { fields: { 'X-Slow': '900' } },
    slowFailure: { fields: { 'X-Slow': '900', 'X-Fail': '1' } },
    failure: { fields: { 'X-Fail': '1' } },
  },
}
const FORM: ServerAdapter = { effects: COUNT, provoke: DESK.provoke ?? {} }

const DESKS: readonly (readonly [says: string, traits: Traits, adapter: ServerAdapter])[] = [
  ['a second POST is held', { meanwhile: 'held' }, DESK],
  ['409 without content meanwhile', { meanwhile: '409' }, DESK],
  ['503 without Retry-After meanwhile', { meanwhile: '503', look: '503' }, DESK],
  ['claims are seen at the commit only', { meanwhile: 'late' }, DESK],
  ['GET tells of progress', { meanwhile: '409', look: 'progress' }, DESK],
  ['results by 303', { result: 'redirect' }, DESK],
  ['a 201 whose GET is a redirect', { result: 'created-then-303' }, DESK],
  ['no content at all', { result: 'empty' }, DESK],
  ['absolute links, made by POST', { absolute: true, page: 'mint' }, DESK],
  ['several links on one page', { page: 'several' }, DESK],
  ['forms alone', { page: 'html' }, FORM],
  ['forms that belong to a session', { page: 'session', result: 'redirect' }, FORM],
  ['plain text alone', { page: 'text' }, DESK],
  ['links in the field alone', { page: 'field-only' }, DESK],
  ['a private cache may keep the result', { keeps: true }, DESK],
  ['DELETE calls a link off', { callsOff: true }, DESK],
  ['early hints', { hints: true }, DESK],
  ['one link until it is used', { oneLink: true }, DESK],
  ['OPTIONS tells no state, HEAD is not known', { bare: true }, DESK],
  ['80 requests a second at most', { perSecond: 80 }, DESK],
]

const CSRF: ServerAdapter = { invalid: { form: { item: '', qty: '1' } } }
const PAY: ServerAdapter = {
  valid: { json: { amount: 7 } },
  invalid: { json: { amount: 0 } },
  effects: { url: '/count', pointer: '/payments' },
  provoke: {
    slow: { fields: { 'X-Slow': '0.9' } },
    failure: { fields: { 'X-Refuse': '1' } },
    slowFailure: { fields: { 'X-Slow': '0.9', 'X-Refuse': '1' } },
  },
}
const PERL: ServerAdapter = {
  valid: { form: { what: 'tea{n}' } },
  effects: { url: '/count', pointer: '' },
}

const STYLES: readonly Style[] = [
  ...DESKS.map(([says, traits, adapter]) => ({
    says,
    start: () => listening(deskServer(traits)),
    path: '/desk',
    adapter,
  })),
  program('python3', 'csrf-forms.py', '/', CSRF),
  program('python3', 'asyncio-held.py', '/pay', PAY),
  program('perl', 'plain.pl', '/order', PERL),
  {
    says: 'plain Koa',
    start: () => listening(koaPlainServer()),
    path: '/book',
    adapter: { valid: { json: { room: 'r{n}' } }, effects: { url: '/count', pointer: '/rooms' } },
  },
  {
    says: 'bare sockets, HTTP/1.0, links that differ by their query',
    start: () => listening(rawSocketsServer()),
    path: '/note',
    adapter: { valid: { json: { text: 'n{n}' } }, effects: { url: '/count', pointer: '' } },
  },
].filter(({ says }) => areInstalled([says.split(' ', 1)[0] ?? ''].filter(isLanguage), says))

const AT_ONCE = 9

describe('poe check of twenty more right servers', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(180_000)
    const styles = STYLES.map((style, index) => ({ ...style, only: halfFor(index) }))
    // The longest ones first.
    styles.sort((one, other) => Number(isSlow(other)) - Number(isSlow(one)))
    await sideBySide(styles, AT_ONCE, async ({ says, start, path, adapter, only }) => {
      const server = await start()
      try {
        const common = { adapter, rounds: 2, ageMs: 0, only }
        reports.set(says, await runConformance({ url: server.origin + path, ...common }))
      } finally {
        server.close()
      }
    })
  })

  for (const { says } of STYLES) {
    it(says, () => {
      const report = reports.get(says)
      const wrong = (report?.results ?? []).filter(
        ({ result }) => !['pass', 'warn', 'skipped'].includes(result),
      )
      const told = wrong.map(one => `${one.result} ${one.id}: ${one.expected}, ${one.seen}`)
      expect(told).to.deep.equal([])
      expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
      expect(report?.grades.core?.verdict).to.equal('conformant')
      expect(report?.grades.safe?.counts.pass).to.be.greaterThan(30)
    })
  }
})

/** Whoever asks them has to wait for each answer. */
function isSlow({ says }: Style): boolean {
  return /one link until|requests a second|bare sockets/.test(says)
}

function isLanguage(word: string): boolean {
  return word === 'python3' || word === 'perl'
}

function program(language: string, file: string, path: string, adapter: ServerAdapter): Style {
  const at = fileURLToPath(new URL(`servers/right/${file}`, import.meta.url))
  const start = async () => {
    const child = spawn(language, [at], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = (await emitted(child.stdout, 'data')) as [Buffer]
    const close = () => {
      child.kill('SIGKILL')
    }
    return { origin: `http://127.0.0.1:${Number(line.toString())}`, close }
  }
  return { says: `${language} ${file}`, start, path, adapter }
}

async function listening(server: Server): Promise<Running> {
  server.listen(0, '127.0.0.1')
  await emitted(server, 'listening')
  const sockets = new Set<{ destroy: () => void }>()
  server.on('connection', socket => sockets.add(socket))
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}
