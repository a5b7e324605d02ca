/**
 * A POE server of rarer habits, each of them right: one base, and a table of traits. Written from
 * draft-nottingham-http-poe-00 and RFC 9110.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/** What this server may do in its own way. */
export interface Habits {
  /** 202: the effect comes later, and GET leads to where that is told. */
  readonly success?: 200 | 202 | 302
  /** GET of an unspent link shows a page of its own. */
  readonly ownPage?: true
  /** DELETE of a spent link is an acknowledgement: nothing more is told of it. */
  readonly acknowledges?: true
  /** Slashes, capitals, queries and extensions make no difference. */
  readonly lenient?: true
  /** Each so many requests to a link one is told 503, and to come again. */
  readonly busyEach?: number
  /** `Allow` is empty where nothing is allowed, and says as little as it may. */
  readonly sparse?: true
  /** Who has not logged in is led to the login. */
  readonly login?: true
  /** Answers have no length, and the result has a tag and can be asked for in parts. */
  readonly streams?: true
  /** The link is in a Link field, and the page is text. */
  readonly inLinkField?: true
  /** Every content is compressed, for a POST in haste. */
  readonly coded?: true
}

type Told = readonly [status: number, fields?: Readonly<Record<string, string>>, content?: string]

interface Ticket {
  readonly path: string
  number: number
  isRunning: boolean
  isGone: boolean
}

const LATE_MS = 150
const NEVER = { 'Cache-Control': 'no-store' }

/** Makes the server; it does not listen yet. */
export function kioskServer(habits: Habits): Server {
  const kiosk = new Kiosk(habits)
  return createServer(async (request, response) => {
    const [status, fields = {}, content = ''] = await kiosk.answer(request)
    const type = content === '' ? {} : { 'Content-Type': 'text/plain; charset=utf-8' }
    const isCoded = habits.coded && content !== ''
    const level = request.method === 'POST' ? 1 : 9
    const bytes = isCoded ? gzipSync(content, { level }) : Buffer.from(content)
    const coding = isCoded ? { 'Content-Encoding': 'gzip' } : {}
    const length = habits.streams ? {} : { 'Content-Length': String(bytes.byteLength) }
    response.writeHead(status, { ...NEVER, ...type, ...coding, ...length, ...fields })
    response.end(request.method === 'HEAD' || status === 304 ? undefined : bytes)
  })
}

class Kiosk {
  readonly #habits: Habits
  readonly #tickets = new Map<string, Ticket>()
  readonly #sold: string[] = []
  #done = 0
  #asked = 0

  constructor(habits: Habits) {
    this.#habits = habits
  }

  async answer(request: IncomingMessage): Promise<Told> {
    const { url = '/', method = '' } = request
    // What was cut off is not whole, and not run.
    const said = await text(request).catch(() => null)
    if (url === '/count') return [200, {}, JSON.stringify({ tickets: this.#done })]
    if (this.#habits.login && !/user=ann/.test(request.headers.cookie ?? '')) {
      return method === 'POST' ? [302, { Location: '/login' }] : [401, { 'WWW-Authenticate': 'x' }]
    }
    if (url === '/kiosk') return this.#page()
    const [, number = ''] = /^\/sold\/(\d+)$/.exec(url) ?? []
    const sold = this.#sold[Number(number) - 1]
    if (sold !== undefined) return [200, {}, sold]
    const ticket = this.#tickets.get(this.#habits.lenient ? plain(url) : url)
    if (ticket === undefined) return [404, {}, 'Nothing is here.\n']
    this.#asked += 1
    const { busyEach } = this.#habits
    if (busyEach && this.#asked % busyEach === 0) return [503, { 'Retry-After': '1' }, 'Later.\n']
    return method === 'POST' ? await this.#sell(request, ticket, said) : this.#look(request, ticket)
  }

  #page(): Told {
    const path = `/ticket/${randomBytes(15).toString('hex')}`
    this.#tickets.set(path, { path, number: 0, isRunning: false, isGone: false })
    const common = { 'Cache-Control': 'private, no-cache', 'POE-Links': `"${path}"` }
    if (!this.#habits.inLinkField) return [200, common, `Send it once to ${path} .\n`]
    return [200, { ...common, Link: `<${path}>; rel="edit-form"` }, `See the fields: ${path}\n`]
  }

  async #sell(request: IncomingMessage, ticket: Ticket, said: string | null): Promise<Told> {
    if (ticket.isGone) return [410, {}, 'This is over.\n']
    if (ticket.number > 0) return this.#sold405(ticket)
    if (ticket.isRunning) return [409, { 'Retry-After': '1' }, 'One moment.\n']
    const what = new URLSearchParams(said ?? '').get('what') ?? ''
    if (what === '') return [422, {}, 'What is it to be?\n']
    ticket.isRunning = true
    await sleep(Number(request.headers['x-slow'] ?? 0))
    ticket.isRunning = false
    if (request.headers['x-fail'] !== undefined) return [403, {}, 'It was not sold.\n']
    this.#sold.push(`Ticket ${this.#sold.length + 1}: ${what}.\n`)
    ticket.number = this.#sold.length
    return this.#success(ticket)
  }

  #success({ number }: Ticket): Told {
    const Location = `/sold/${number}`
    const count = () => {
      this.#done += 1
    }
    const { success = 200 } = this.#habits
    if (success === 202) setTimeout(count, LATE_MS)
    else count()
    return success === 200 ? this.#shown(number) : [success, { Location }]
  }

  #sold405({ path, number }: Ticket): Told {
    const Link = `</sold/${number}>; rel="related"; anchor="${path}"`
    const { sparse } = this.#habits
    return [405, sparse ? { Allow: '' } : { Allow: 'GET, HEAD', Link }, 'It was sold before.\n']
  }

  #look({ method = '', headers }: IncomingMessage, ticket: Ticket): Told {
    const { acknowledges, ownPage, sparse, success = 200 } = this.#habits
    const { number } = ticket
    if (ticket.isGone) return [410, {}, 'This is over.\n']
    if (method === 'DELETE' && acknowledges && number > 0) {
      ticket.isGone = true
      return [204]
    }
    const isRead = method === 'GET' || method === 'HEAD'
    if (number === 0 && isRead && ownPage) return [200, {}, 'Send "what" as a form.\n']
    if (number > 0 && isRead) {
      return success === 200 ? this.#shown(number, headers) : [303, { Location: `/sold/${number}` }]
    }
    const Allow = number > 0 ? 'GET, HEAD' : 'POST'
    return [405, { Allow: sparse && number > 0 ? '' : Allow }, 'Not so.\n']
  }

  #shown(number: number, headers: IncomingMessage['headers'] = {}): Told {
    const content = this.#sold[number - 1] ?? ''
    if (!this.#habits.streams) return [200, {}, content]
    const ETag = `"t${number}"`
    if (headers['if-none-match'] === ETag) return [304, { ETag }]
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    if (from === '') return [200, { ETag, 'Accept-Ranges': 'bytes' }, content]
    const last = Math.min(Number(to), content.length - 1)
    const range = `bytes ${from}-${last}/${content.length}`
    return [206, { ETag, 'Content-Range': range }, content.slice(Number(from), last + 1)]
  }
}

/** Where an address leads, however it is written. */
function plain(target: string): string {
  const path = target.replace(/^https?:\/\/[^/]*/, '').replace(/[?;].*$/, '')
  const decoded = path.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => {
    return String.fromCharCode(Number.parseInt(code, 16))
  })
  return decoded
    .toLowerCase()
    .replaceAll('/./', '/')
    .replaceAll(/\/{2,}/g, '/')
    .replace(/(?:\.json|\/)$/, '')
}
