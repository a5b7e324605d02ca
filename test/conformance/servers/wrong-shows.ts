/**
 * For each wrong server the few requests that show its fault; the right server does not show it.
 */
import { type Fields, JSON_FIELDS, linkIn, ORDER, type Probe, wait } from './probe.js'

/** Tells whether a server shows a fault. */
export type Shows = (at: Probe) => Promise<boolean>

const FORM: Fields = { 'Content-Type': 'application/x-www-form-urlencoded' }
const HTML: Fields = { Accept: 'text/html' }
const ODD = '{"sku":"coffee","qty":1}'

const isSuccess = ({ status }: { readonly status: number }) => status < 300

/** A second order is taken: a success, and one effect more. */
function twice(second: (at: Probe, link: string) => Promise<unknown>, fields?: Fields): Shows {
  return async at => {
    const { link } = await at.used(fields)
    const before = await at.orders()
    await second(at, link)
    return (await at.orders()) === before + 1
  }
}

/** A link that something has happened to takes no order any more. */
function burnt(first: (at: Probe, link: string) => Promise<unknown>): Shows {
  return async at => {
    const link = await at.link()
    await first(at, link)
    const before = await at.orders()
    return (await at.post(link)).status === 405 && (await at.orders()) === before
  }
}

/** The answer to a second order is amiss. */
function reuse(
  isAmiss: (answer: Awaited<ReturnType<Probe['post']>>, link: string) => boolean,
  fields?: Fields,
): Shows {
  return async at => {
    const { link } = await at.used()
    return isAmiss(await at.post(link, fields), link)
  }
}

/** What is told while an order runs is amiss. */
function whileRunning(method: string, isAmiss: (answer: Answer) => boolean): Shows {
  return async at => {
    const link = await at.link()
    const first = at.post(link, { 'X-Fault': 'slow=100' })
    await wait(20)
    const looked = method === 'POST' ? await at.post(link) : await at.ask(method, link)
    await first
    return isAmiss(looked)
  }
}

type Answer = Awaited<ReturnType<Probe['post']>>

/** What GET, HEAD or OPTIONS tell of a spent link is amiss. */
function look(
  method: string,
  isAmiss: (looked: Answer, first: Answer) => boolean,
  fields?: Fields,
) {
  return async (at: Probe) => {
    const { link, answer } = await at.used(fields)
    return isAmiss(await at.ask(method, link), answer)
  }
}

/** The page is amiss. */
function page(isAmiss: (page: Answer, link: string) => boolean, fields?: Fields): Shows {
  return async at => {
    const answer = await at.page(fields)
    return isAmiss(answer, linkIn(answer))
  }
}

const failing = (status: number): Shows =>
  burnt((at, link) => at.post(link, { 'X-Fault': `fail=${status}` }))
const member = (link: string) => `"${link}"`

/** Orders that are taken twice, and links that are used up without one. */
export const POST_SHOWS: Readonly<Record<string, Shows>> = {
  'second-2xx': twice((at, link) => at.post(link)),
  'second-2xx-replayed': reuse(answer => answer.status === 201 && answer.json().order === 1),
  'second-2xx-other-body': twice(async (at, link) => {
    await at.post(link)
    await at.post(link, {}, ODD)
  }),
  'second-2xx-other-type': twice(async (at, link) => {
    await at.post(link, {}, ODD)
    await at.post(link, FORM, 'sku=tea&qty=2')
  }),
  'second-2xx-after-restart': twice(async (at, link) => {
    await at.post(link)
    await at.server.restart()
    await at.post(link)
  }),
  'second-2xx-without-poe': twice(async (at, link) => {
    await at.post(link, { POE: '1' })
    await at.post(link)
  }),
  '303-does-not-spend': twice((at, link) => at.post(link, HTML), HTML),
  '204-does-not-spend': twice((at, link) => at.post(link)),
  'race-check-then-act': async at => {
    const statuses = await at.race(await at.link(), 4)
    return statuses.filter(status => status === 201).length > 1 && (await at.orders()) > 1
  },
  'runs-while-running': async at => {
    const shown = await whileRunning('POST', isSuccess)(at)
    return shown && (await at.orders()) === 2
  },
  'put-runs': burnt((at, link) => at.ask('PUT', link, JSON_FIELDS, ORDER)),
  'delete-reopens': twice(async (at, link) => {
    await at.post(link)
    await at.ask('DELETE', link)
    await at.post(link)
  }),
  'spelling-percent': twice((at, link) => at.post(link.replace('-', '%2d'))),
  'spelling-query': twice((at, link) => at.post(`${link}?a=b`)),
  'spelling-slash': twice((at, link) => at.post(`${link}/`)),
  'spelling-double-slash': twice((at, link) => at.post(`/${link}`)),
  'spelling-absolute': twice((at, link) => at.post(`http://127.0.0.1:${at.port}${link}`)),
  'client-gone-lost': async at => {
    const link = await at.link()
    await at.leave(link)
    await wait(60)
    return isSuccess(await at.post(link)) && (await at.orders()) === 2
  },
  'client-gone-undone': async at => {
    const link = await at.link()
    await at.leave(link)
    await wait(250)
    return (await at.orders()) === 0 && (await at.get(link)).status === 405
  },
  'forged-runs': async at => {
    const link = await at.link()
    const last = link.endsWith('A') ? 'B' : 'A'
    return isSuccess(await at.post(link.slice(0, -1) + last))
  },
  'other-user': async at => isSuccess(await at.post(await at.link(), { 'X-User': 'eve' })),
  'expired-runs': async at => {
    const link = await at.link({ 'X-Fault': 'lifetime=20' })
    await wait(40)
    return isSuccess(await at.post(link))
  },
  'expired-forgets': async at => {
    const link = await at.link({ 'X-Fault': 'lifetime=400' })
    await at.post(link)
    await wait(410)
    return (await at.post(link)).status === 410
  },
  'burnt-by-400': burnt((at, link) => at.post(link, {}, '{"sku"')),
  'burnt-by-401': failing(401),
  'burnt-by-403': failing(403),
  'burnt-by-413': burnt((at, link) => at.post(link, {}, ORDER + ' '.repeat(70_000))),
  'burnt-by-415': burnt((at, link) => at.post(link, { 'Content-Type': 'text/plain' })),
  'burnt-by-422': burnt((at, link) => at.post(link, {}, '{"sku":"tea","qty":0}')),
  'burnt-by-429': failing(429),
  'burnt-by-307': failing(307),
  'burnt-by-5xx': failing(500),
  'burnt-by-cut-off': burnt((at, link) => at.leave(link, {}, 5)),
  'burnt-by-get': burnt((at, link) => at.get(link)),
  'burnt-by-head': burnt((at, link) => at.ask('HEAD', link)),
  'burnt-by-options': burnt((at, link) => at.ask('OPTIONS', link)),
  'burnt-by-prefetch': burnt((at, link) => at.get(link, { 'Sec-Purpose': 'prefetch' })),
  'running-405': async at => {
    const link = await at.link()
    const first = at.post(link, { 'X-Fault': 'slow=250, fail=500' })
    await wait(20)
    const second = await at.post(link)
    return (await first).status === 500 && second.status === 405
  },
  'running-202': async at => {
    const link = await at.link()
    const first = at.post(link, { 'X-Fault': 'slow=250, fail=500' })
    await wait(20)
    const second = await at.post(link)
    return (await first).status === 500 && second.status === 202 && (await at.orders()) === 0
  },
  'waiting-2xx': whileRunning('POST', ({ status }) => status === 201),
}

/** Refusals, looks and pages. */
export const ANSWER_SHOWS: Readonly<Record<string, Shows>> = {
  'reuse-303': reuse(answer => answer.status === 303 && answer.field('Location') === '/receipts/1'),
  'reuse-400': reuse(answer => answer.status === 400 && answer.json().status === 400),
  'reuse-403': reuse(answer => answer.status === 403),
  'reuse-409': reuse(answer => answer.status === 409),
  'reuse-without-allow': reuse(answer => answer.status === 405 && answer.allow === null),
  'reuse-allows-post': reuse(answer => answer.allow?.includes('POST') === true),
  'allow-in-lower-case': reuse(answer => answer.allow?.includes('get') === true),
  'reuse-with-location': reuse(answer => answer.field('Location') !== null),
  'reuse-without-anchor': reuse(answer => !/anchor/.test(answer.field('Link') ?? '')),
  'reuse-412': reuse(answer => answer.status === 412, { 'If-Match': '"x"' }),
  'reuse-asks-for-content': async at =>
    /^HTTP\/1\.1 100 /.test(await at.expect((await at.used()).link)),
  'refusals-cacheable': reuse(answer => answer.field('Cache-Control') === null),
  'problem-as-text': reuse(answer => answer.field('Content-Type') === 'text/plain'),
  'html-gets-json': reuse(answer => /json/.test(answer.field('Content-Type') ?? ''), HTML),
  '409-without-retry-after': whileRunning(
    'GET',
    answer => answer.status === 409 && answer.field('Retry-After') === null,
  ),
  'poe-malformed-400': async at => (await at.post(await at.link(), { POE: 'x' })).status === 400,
  'poe-huge-500': async at =>
    (await at.post(await at.link(), { POE: '9'.repeat(30) })).status === 500,
  'odd-target-500': async at => (await at.post(`${await at.link()}%zz`)).status === 500,
  'get-same-before': async at => {
    const link = await at.link()
    const before = await at.get(link)
    await at.post(link)
    return before.status === 204 && (await at.get(link)).status === 204
  },
  'get-without-allow': async at => (await at.get(await at.link())).allow === null,
  'get-other-bytes': look('GET', (looked, first) => looked.text !== first.text),
  'get-other-type': look(
    'GET',
    (looked, first) => looked.field('Content-Type') !== first.field('Content-Type'),
  ),
  'get-404': look('GET', ({ status }) => status === 404),
  'get-303-forgotten': look(
    'GET',
    (looked, first) => first.status === 303 && looked.status !== 303,
    HTML,
  ),
  'get-while-running-200': whileRunning('GET', ({ status }) => status === 200),
  'head-differs': look('HEAD', ({ status }) => status !== 200),
  'options-lists-post': look('OPTIONS', ({ allow }) => allow?.includes('POST') === true),
  'result-cacheable': look('GET', looked => looked.field('Cache-Control') !== 'no-store'),
  'answer-cacheable': look('GET', (_, first) => first.field('Cache-Control') !== 'no-store'),
  referrer: page(answer => answer.field('Referrer-Policy') === null),
  'page-cacheable': page(answer => /public/.test(answer.field('Cache-Control') ?? '')),
  'page-silent': page(answer => answer.field('Cache-Control') === null),
  'page-etag': async at => {
    const tag = (await at.page()).field('ETag')
    return tag !== null && (await at.page({ 'If-None-Match': tag })).status === 304
  },
  'shared-link': async at =>
    (await at.link({ 'X-User': 'ann' })) === (await at.link({ 'X-User': 'eve' })),
  guessable: page((_, link) => /\/12345$/.test(link)),
  'vary-missing': page(answer => answer.field('Vary') === null),
  'link-with-fragment': page(answer => /#[^"]*"$/.test(answer.field('POE-Links') ?? '')),
  'link-not-ascii': page(answer => /[^ -~]/.test(answer.field('POE-Links') ?? '')),
  'links-unquoted': page((answer, link) => answer.field('POE-Links') === link),
  'links-empty': page(answer => answer.field('POE-Links') === ''),
  'links-empty-member': page(answer => /,\s*,/.test(answer.field('POE-Links') ?? '')),
  'links-not-in-page': page((answer, link) => {
    const [first, second] = answer.field('POE-Links')?.split(', ') ?? []
    return first === member(link) && second !== undefined && !answer.text.includes(second.slice(1))
  }),
}
