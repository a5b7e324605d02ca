/**
 * Faults by which a link works again, or an order is written that nobody is told of, as rows.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Behaviour, Posted, Seen } from './behaviour.js'
import { fieldOf, isResult, isReuse, replayed, where } from './fault.js'
import type { Link } from './link-book.js'
import type { MeantRow } from './wrong-ours.js'

const isDone = ({ place }: Seen) => place === 'handler'

/** Runs an order again at a spent link. */
export function again(
  meets: (request: IncomingMessage, posted: Posted) => boolean,
): Partial<Behaviour> {
  return {
    refusesAtHead: false,
    whenSpent: posted => (meets(posted.request, posted) ? 'run' : 'refuse'),
  }
}

const has = (field: string, value: RegExp) => () =>
  again(request => value.test(fieldOf(request, field)))

/** All of them. */
export const TWICE: readonly MeantRow[] = [
  [
    'again-by-override',
    'POE-2-1/override',
    'runs again what asks for PUT in a field',
    has('x-http-method-override', /PUT/),
  ],
  [
    'again-by-key',
    'POE-2-1/retried',
    'runs again what has another Idempotency-Key',
    has('idempotency-key', /./),
  ],
  [
    'again-by-proxy',
    'POE-2-1/retried',
    'runs again what another proxy forwards',
    has('forwarded', /./),
  ],
  [
    'again-by-host',
    'POE-2-1/host',
    'runs again what names the host otherwise',
    has('host', /elsewhere/),
  ],
  [
    'again-by-other-host',
    'POE-2-1/retried',
    'runs again what a proxy had by another name of the host',
    has('x-forwarded-host', /./),
  ],
  [
    'again-uncached',
    'POE-2-1/retried',
    'runs again what asks for no cached answer',
    has('cache-control', /no-cache/),
  ],
  [
    'again-by-script',
    'POE-2-1/retried',
    'runs again what a script sends',
    has('x-requested-with', /./),
  ],
  [
    'again-in-french',
    'POE-2-1/retried',
    'runs again what is asked in another language',
    has('accept-language', /fr/),
  ],
  [
    'again-by-script-elsewhere',
    'POE-2-1/retried',
    'runs again what a script of another origin sends',
    has('origin', /elsewhere/),
  ],
  [
    'again-with-charset',
    'POE-2-1/types',
    'runs again what names its charset',
    has('content-type', /charset/i),
  ],
  [
    'again-by-odd-poe',
    'POE-4-4/guarantee',
    'runs again what has an odd value of POE',
    has('poe', /^x$/),
  ],
  [
    'again-by-http10',
    'POE-2-1/http10',
    'runs again what comes by HTTP/1.0',
    () => again(({ httpVersion }) => httpVersion === '1.0'),
  ],
  ['again-behind', 'POE-2-1/trailing', 'runs again what has bytes behind it', behind],
  [
    'again-other-order',
    'POE-2-1/different',
    'runs again what orders something else',
    () =>
      again((_, { link: { spentBy }, text, type }) => {
        return spentBy !== null && spentBy.type === type && textOf(text) !== textOf(spentBy.text)
      }),
  ],
  ['again-after-many', 'POE-2-1/many', 'runs the tenth repeat', afterMany],
  ['again-later', 'POE-2-1/later', 'has forgotten after a second that a link was used', later],
  [
    'again-empty',
    'POE-2-1/empty',
    'says 200 to a repeat without content',
    () => where(seen => isReuse(seen) && fieldOf(seen.request, 'content-length') === '0', replayed),
  ],
  [
    'again-on-connection',
    'POE-2-1/connection',
    'runs again what comes over the connection of the first',
    sameConnection,
  ],
  ['again-pipelined', 'POE-2-1/pipelined', 'runs side by side what is pipelined', pipelined],
  [
    'orders-twice',
    'POE-2-2/first',
    'writes each order twice',
    () => ({ ordersToo: (_, seen) => isDone(seen) }),
  ],
  ['orders-once-more', 'POE-2-2/whole-run', 'writes one order more at some time', onceMore],
  [
    'head-orders',
    'H-HEAD-1/spent',
    'orders by HEAD of a spent link',
    () => ({
      ordersToo: (_, { request, state }) => request.method === 'HEAD' && state === 'spent',
    }),
  ],
  [
    'get-orders',
    'POE-2-7/get',
    'orders by GET of a spent link',
    () => ({ ordersToo: (_, seen) => isResult(seen) }),
  ],
  [
    'expect-orders',
    'POE-2-1/expect',
    'refuses a repeat that asked first, and orders',
    () => ({ ordersToo: (_, seen) => isReuse(seen) && seen.request.headers.expect !== undefined }),
  ],
  [
    'orders-early',
    'POE-2-20/crash',
    'writes the order at once, and the mark when it is done',
    () => ({ ordersEarly: request => /^slow=\d+$/.test(fieldOf(request, 'x-fault')) }),
  ],
]

/** The bytes of a request, by its head and the length of its content. */
function bytesOf(request: IncomingMessage): number {
  const { method, url, httpVersion, rawHeaders, headers } = request
  const lines = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0)
  const head = `${method} ${url} HTTP/${httpVersion}\r\n\r\n`.length + lines
  return head + Number(headers['content-length'] ?? 0)
}

/** Looks at the first request of a connection only: what is behind that is no other request. */
function behind(): Partial<Behaviour> {
  const known = new WeakSet<Socket>()
  const first = new WeakSet<IncomingMessage>()
  return {
    ...again(request => first.has(request) && request.socket.bytesRead > bytesOf(request)),
    refusesUnseen: request => {
      const { socket, headers } = request
      if (!known.has(socket) && headers['content-length'] !== undefined) first.add(request)
      known.add(socket)
      return null
    },
  }
}

function textOf(text: string): string {
  return text.replaceAll(/\s/g, '')
}

function later(): Partial<Behaviour> {
  const spentAt = new WeakMap<Link, number>()
  return {
    ...again((_, { link }) => Date.now() - (spentAt.get(link) ?? Date.now()) > 1_000),
    amends: (answer, { place, link }) => {
      if (place === 'handler' && link !== null) spentAt.set(link, Date.now())
      return answer
    },
  }
}

function sameConnection(): Partial<Behaviour> {
  const first = new WeakMap<Link, Socket>()
  return {
    ...again((request, { link }) => first.get(link) === request.socket),
    amends: (answer, { place, link, request }) => {
      if (place === 'handler' && link !== null) first.set(link, request.socket)
      return answer
    },
  }
}

function pipelined(): Partial<Behaviour> {
  const open = new WeakMap<Socket, number>()
  const count = (socket: Socket, more: number) => open.set(socket, (open.get(socket) ?? 0) + more)
  return {
    handlerPauseMs: 30,
    refusesUnseen: ({ socket }) => {
      count(socket, 1)
      return null
    },
    whenRunning: ({ request: { socket } }) => ((open.get(socket) ?? 0) > 1 ? 'run' : 'wait'),
    amends: (answer, { request: { socket } }) => {
      count(socket, -1)
      return answer
    },
  }
}

function onceMore(): Partial<Behaviour> {
  let requests = 0
  return { ordersToo: () => ++requests === 150 }
}

/** Counts repeats that came one after the other. */
function afterMany(): Partial<Behaviour> {
  const flying = new Map<string, number>()
  const apart = new WeakSet<IncomingMessage>()
  const repeats = new WeakMap<Link, number>()
  return {
    ...again((request, { link }) => apart.has(request) && (repeats.get(link) ?? 0) > 9),
    refusesUnseen: request => {
      const { url = '' } = request
      const others = flying.get(url) ?? 0
      if (others === 0) apart.add(request)
      flying.set(url, others + 1)
      return null
    },
    amends: (answer, seen) => {
      const { url = '' } = seen.request
      flying.set(url, (flying.get(url) ?? 1) - 1)
      const { link } = seen
      if (isReuse(seen) && link !== null) repeats.set(link, (repeats.get(link) ?? 0) + 1)
      return answer
    },
  }
}
