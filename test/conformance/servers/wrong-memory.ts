/**
 * Effects that nobody is told of, and memories that hold for a while; each with what shows it.
 */
import type { Answer } from './answers.js'
import type { Posted, Seen } from './behaviour.js'
import { type Fault, fault, isResult, isReuse, where } from './fault.js'
import type { Link } from './link-book.js'
import { JSON_FIELDS, ORDER, type Probe, wait } from './probe.js'

const FEW = 6

/** The order in which links were spent. */
const turns = new WeakMap<Link, number>()
let turn = 0

function note(answer: Answer, { place, link }: Seen): Answer {
  if (place === 'handler' && link !== null && !turns.has(link)) {
    turns.set(link, ++turn)
  }
  return answer
}

/** Runs an order again at a link that it has forgotten. */
function forgets(isForgotten: (link: Link) => boolean) {
  return {
    amends: note,
    refusesAtHead: false,
    whenSpent: ({ link }: Posted) => (isForgotten(link) ? ('run' as const) : ('refuse' as const)),
  }
}

function again(meets: (posted: Posted) => boolean) {
  return {
    refusesAtHead: false,
    whenSpent: (posted: Posted) => (meets(posted) ? ('run' as const) : ('refuse' as const)),
  }
}

const isPost = ({ request }: Seen) => request.method === 'POST'

/** Effects besides what is told, and links that work again. */
export const WRONG_MEMORY: readonly Fault[] = [
  fault('reuse-orders', 'POE-2-2', 'refuses a repeat, and orders all the same', {
    ordersToo: (_, seen) => isReuse(seen),
  }),
  fault(
    'failure-orders',
    'POE-2-2 POE-2-3',
    'reports a failure, leaves the link open, and has ordered',
    {
      ordersToo: ({ status }, seen) => isPost(seen) && seen.place === 'link' && status === 500,
    },
  ),
  fault('invalid-orders', 'POE-2-2 POE-2-3', 'refuses an invalid order, and orders something', {
    ordersToo: ({ status }, seen) => isPost(seen) && seen.place === 'link' && status === 422,
  }),
  fault('cut-off-orders', 'POE-2-2 POE-2-3', 'orders what it has of an upload that broke off', {
    ordersToo: (_, { request, place, state }) => {
      return place === 'link' && state === 'unspent' && !request.complete && request.destroyed
    },
  }),
  fault(
    'running-orders',
    'POE-2-2 POE-2-15',
    'says that an order is running, and places another one',
    {
      ordersToo: ({ status }, seen) => isPost(seen) && seen.state === 'running' && status === 409,
    },
  ),
  fault('put-spent-orders', 'POE-2-17 POE-2-2', 'refuses PUT at a spent link, and orders by it', {
    ordersToo: (_, { request, state }) => request.method === 'PUT' && state === 'spent',
  }),
  fault(
    'delete-orders',
    'POE-2-17 POE-2-2 POE-1-1',
    'refuses DELETE at a spent link, and orders by it',
    {
      ordersToo: (_, { request, state }) => request.method === 'DELETE' && state === 'spent',
    },
  ),
  fault('options-orders', 'POE-2-17 POE-2-2', 'orders by OPTIONS', {
    ordersToo: (_, { request, place }) => request.method === 'OPTIONS' && place === 'link',
  }),
  fault('mint-orders', 'POE-2-2 POE-1-3', 'orders when a link is asked for without the field POE', {
    ordersToo: (_, { request, place }) => place === 'page' && request.headers.poe === undefined,
  }),
  fault(
    'second-2xx-chunked',
    'POE-2-1',
    'runs a second POST whose content is chunked',
    again(({ request }) => request.headers['transfer-encoding'] !== undefined),
  ),
  fault(
    'second-2xx-expect',
    'POE-2-1',
    'runs a second POST that asked first',
    again(({ request }) => request.headers.expect !== undefined),
  ),
  fault('spelling-case', 'POE-2-1 POE-2-2 POE-2-23', 'knows a link in capitals as another one', {
    resolve: target => {
      const path = target.replace(/^https?:\/\/[^/]*/, '').split(/[?#]/)[0] ?? ''
      return { path: path.toLowerCase(), record: path }
    },
    newName: count => `${12344 + count}-${crypto.randomUUID()}`,
  }),
  fault(
    'remembers-few',
    'POE-2-1 POE-2-2',
    'knows of the last six links only that they were used',
    forgets(link => turn - (turns.get(link) ?? 0) >= FEW),
  ),
  fault(
    'shows-the-latest',
    'POE-2-7',
    'GET of a spent link shows the order that was placed last, whoever placed it',
    latest(),
  ),
]

function latest() {
  let last: Answer | null = null
  const shown = where(isResult, answer => {
    const isContent = answer.status === 200 && last?.body != null
    return isContent ? { ...answer, body: last?.body ?? null } : answer
  })
  return {
    amends: (answer: Answer, seen: Seen) => {
      if (seen.place === 'handler' && answer.status === 201 && answer.body !== null) last = answer
      return shown.amends(answer, seen)
    },
  }
}

type Shows = (at: Probe) => Promise<boolean>

/** More orders than there are links with an order. */
function more(than: number, ask: (at: Probe) => Promise<unknown>): Shows {
  return async at => {
    await ask(at)
    return (await at.orders()) > than
  }
}

const overSpent = (ask: (at: Probe, link: string) => Promise<unknown>): Shows =>
  more(1, async at => ask(at, (await at.used()).link))

const overFresh = (ask: (at: Probe, link: string) => Promise<unknown>): Shows =>
  more(0, async at => ask(at, await at.link()))

/** For each fault the few requests that show it. */
export const MEMORY_SHOWS: Readonly<Record<string, Shows>> = {
  'reuse-orders': overSpent((at, link) => at.post(link)),
  'failure-orders': overFresh((at, link) => at.post(link, { 'X-Fault': 'fail=500' })),
  'invalid-orders': overFresh((at, link) => at.post(link, {}, '{"sku":"","qty":0}')),
  'cut-off-orders': overFresh(async (at, link) => {
    await at.leave(link, {}, 5)
    await wait(50)
  }),
  'running-orders': more(1, async at => {
    const link = await at.link()
    const first = at.post(link, { 'X-Fault': 'slow=400' })
    await wait(20)
    await at.post(link)
    await first
  }),
  'put-spent-orders': overSpent((at, link) => at.ask('PUT', link, JSON_FIELDS, ORDER)),
  'delete-orders': overSpent((at, link) => at.ask('DELETE', link)),
  'options-orders': overFresh((at, link) => at.ask('OPTIONS', link)),
  'mint-orders': more(0, at => at.page()),
  'second-2xx-chunked': overSpent((at, link) => {
    const body = `${ORDER.length.toString(16)}\r\n${ORDER}\r\n0\r\n\r\n`
    return at.post(link, { 'Transfer-Encoding': 'chunked' }, body)
  }),
  'second-2xx-expect': overSpent((at, link) => at.post(link, { Expect: '100-continue' })),
  'spelling-case': overSpent((at, link) => {
    const name = link.lastIndexOf('/')
    return at.post(link.slice(0, name) + link.slice(name).toUpperCase())
  }),
  'remembers-few': more(FEW + 1, async at => {
    const { link } = await at.used()
    for (let count = 0; count < FEW; count += 1) await at.used()
    await at.post(link)
  }),
  'shows-the-latest': async at => {
    const { link, answer } = await at.used()
    await at.used()
    return !(await at.get(link)).body.equals(answer.body)
  },
}
