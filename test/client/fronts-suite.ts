/**
 * No outcome contradicts the ledger, whatever stands in front of the server: on the first try, on a
 * retry, and where somebody else used the link before.
 */
import { expect } from 'chai'
import { createClient } from 'post-once-exactly/client'
import { createClient as createBrowserClient } from 'post-once-exactly/client/browser'
import {
  bareOrigin,
  type Front,
  type FrontRule,
  type Origin,
  ourOrigin,
  type Passed,
  page,
  pass,
  type Success,
  startFront,
} from './fronts.js'

const LOGIN = { location: '/login' }

/** Everything is answered by one page; but redirects need a page to lead to. */
function always(post: Passed, get: Passed = post): FrontRule {
  return async ({ method, path }) => {
    if (path === '/login') return page(200, {}, 'log in')
    return method === 'POST' ? post : get
  }
}

/** Only POSTs are kept from the server. */
function keepsPosts(answer: Passed): FrontRule {
  return async ({ method, path }, forward) => {
    if (path === '/login') return page(200, {}, 'log in')
    return method === 'POST' ? answer : await forward()
  }
}

/** Answers are changed on their way back. */
function changing(change: (answer: Passed) => Passed): FrontRule {
  return async (_asked, forward) => change(await forward())
}

/** POSTs arrive, and their answers are replaced. */
function replacing(answer: Passed): FrontRule {
  return async ({ method }, forward) => {
    const told = await forward()
    return method === 'POST' ? answer : told
  }
}

function without({ status, headers, body }: Passed, names: readonly string[]): Passed {
  const kept = [...headers].filter(([name]) => !names.includes(name))
  return { status, headers: new Headers(kept), body }
}

const resend: FrontRule = async ({ method }, forward) => {
  if (method === 'POST') await forward()
  return await forward()
}
const toPage = (answer: Passed) => (answer.status < 400 ? answer : page(answer.status))
const toOk = (answer: Passed) =>
  answer.status < 400 ? answer : { ...answer, status: 200, body: '{"ok":false}' }
const toBareOk = (answer: Passed) => (answer.status < 400 ? answer : page(200, {}, '{"ok":false}'))
const STATIC = { allow: 'GET, HEAD' }
const PROOF = ['allow', 'link', 'retry-after', 'content-type']

const FRONTS: Readonly<Record<string, FrontRule>> = {
  'nothing in between': pass,
  'a static site': always(page(405, STATIC), page(200)),
  'a static site that says Allow': always(page(405, STATIC), page(200, STATIC)),
  'a static site without Allow': always(page(405), page(200)),
  'a static site that has no such file': always(page(405), page(404)),
  'a captive portal': always(page(200)),
  'a captive portal that redirects': always(page(302, LOGIN)),
  'a login page by 200': keepsPosts(page(200)),
  'a login page by 302': always(page(302, LOGIN)),
  'a login page by 303': always(page(303, LOGIN)),
  'a login page by 302 to POSTs': keepsPosts(page(302, LOGIN)),
  'a login page by 303 to POSTs': keepsPosts(page(303, LOGIN)),
  'what turns errors into 200': changing(toOk),
  'what turns errors into pages with 200': changing(toBareOk),
  'what turns errors into 200 and drops Allow': changing(answer => without(toOk(answer), PROOF)),
  'a proxy that intercepts errors': changing(toPage),
  'a proxy that drops fields': changing(answer => without(answer, PROOF)),
  'a proxy that sends again': resend,
  'a proxy that sends again and intercepts errors': async (asked, forward) =>
    toPage((await resend(asked, forward)) as Passed),
  'a proxy that sends again and drops fields': async (asked, forward) =>
    without((await resend(asked, forward)) as Passed, PROOF),
  'a router that knows POST only': async ({ method }, forward) =>
    method === 'GET' ? page(405, { allow: 'POST' }) : await forward(),
  'such a router that drops fields': async ({ method }, forward) =>
    method === 'GET' ? page(405, { allow: 'POST' }) : without(await forward(), PROOF),
  'a firewall that says 403': keepsPosts(page(403)),
  'a firewall that says 405': keepsPosts(page(405)),
  'a conflict of somebody else': keepsPosts(page(409)),
  'a load balancer’s 502': keepsPosts(page(502)),
  'a load balancer’s 503': always(page(503)),
  'a load balancer’s 504 after the work': replacing(page(504)),
  'a load balancer’s 500 after the work': replacing(page(500)),
}

/** What has happened before the front speaks. */
const SITUATIONS = ['first', 'answer lost', 'request lost', 'used by another'] as const
type Situation = (typeof SITUATIONS)[number]

/** What a client says, or did not know. */
type Poster = (link: string, content: string) => Promise<string>

const OPTIONS = { baseMs: 1, capMs: 2, tries: 4, timeoutMs: 5_000 }
const CLIENTS: Readonly<Record<string, Poster>> = {
  node: async (link, content) => (await createClient(OPTIONS).post(link, content)).outcome,
  browser: async (link, content) =>
    (await createBrowserClient(OPTIONS).post(link, content)).outcome,
}

/** Believes what it sees, as most do. */
const believer: Poster = async (link, content) => {
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    const answer = await fetch(link, { method: 'POST', body: content }).catch(() => null)
    if (answer === null || answer.status >= 500) continue
    if (answer.ok) return 'accepted'
    if (answer.status === 405 && attempt > 1) return 'accepted-earlier'
    return answer.status === 405 ? 'used-before' : 'refused'
  }
  return 'refused'
}

/** The servers behind the fronts, by what they answer to a success. */
const ORIGINS = {
  ours: (success: Success) => ourOrigin(success),
  bare: (success: Success) => bareOrigin(success, false),
  'bare with Allow': (success: Success) => bareOrigin(success, true),
}

/**
 * Plays every front before an origin, in every situation, with every client.
 *
 * @param part - of the plays, for one of several origins that are alike; absent for all of them
 * @param of - so many parts there are
 */
export function itContradictsNothing(
  origin: keyof typeof ORIGINS,
  success: Success,
  part?: number,
  of = 3,
): void {
  const place = `${origin}, ${success}`
  it(`[FALSE-1001, FALSE-1123] no outcome contradicts the ledger: ${place}`, async () => {
    const isWhole = part === undefined || process.env.POE_TEST_WHOLE === '1'
    const isAsked = ({ at }: Play) => isWhole || at % of === part
    const found = await playAll(() => ORIGINS[origin](success), CLIENTS, isAsked)
    expect(found.contradictions).to.deep.equal([])
    // Whoever only ever says that it does not know is of no use.
    expect(found.told).to.include.keys('accepted', 'accepted-earlier', 'refused', 'unknown')
  })
}

/** What a client that believes what it sees would get wrong, by the front. */
export async function wrongBelievers(): Promise<ReadonlySet<string | undefined>> {
  const found = await playAll(() => ourOrigin('201'), { believer })
  return new Set(found.contradictions.map(line => line.split(':')[0]))
}

async function playAll(
  start: () => Promise<Origin>,
  clients: Readonly<Record<string, Poster>>,
  isAsked: (play: Play) => boolean = () => true,
) {
  const origin = await start()
  const front = await startFront(origin)
  const contradictions: string[] = []
  const told = new Map<string, number>()
  const canTell = ({ name, situation }: Play) =>
    situation !== 'used by another' || !origin.cannotTell.test(name)
  try {
    for (const one of playsOf(clients).filter(isAsked).filter(canTell)) {
      const { name, situation, client, content } = one
      const { outcome, effects } = await play({ origin, front, ...one })
      told.set(outcome, (told.get(outcome) ?? 0) + 1)
      const wrong = contradiction(outcome, effects, content)
      const where = `${name}: ${situation}, ${content}, ${client}`
      if (wrong !== null) contradictions.push(`${where}: ${wrong}`)
    }
  } finally {
    await front.close()
    await origin.close()
  }
  return { contradictions, told }
}

interface Play {
  readonly name: string
  readonly rule: FrontRule
  readonly situation: Situation
  readonly client: string
  readonly post: Poster
  readonly content: string
  /** Neighbours differ, so that every third has some of each. */
  readonly at: number
}

function playsOf(clients: Readonly<Record<string, Poster>>): Play[] {
  return Object.entries(FRONTS).flatMap(([name, rule], f) =>
    SITUATIONS.flatMap((situation, s) =>
      Object.entries(clients).flatMap(([client, post], c) => {
        const isDone = situation === 'answer lost' || situation === 'used by another'
        const contents = isDone ? ['tea'] : ['tea', 'refuse']
        return contents.map((content, k) => {
          return { name, rule, situation, client, post, content, at: f + s + c + 2 * k }
        })
      }),
    ),
  )
}

async function play(
  scene: Play & { readonly origin: Origin; readonly front: Front },
): Promise<{ outcome: string; effects: readonly string[] }> {
  const { origin, front, rule, situation, post, content } = scene
  const link = await origin.link()
  if (situation === 'used by another') {
    await fetch(origin.origin + link, {
      method: 'POST',
      body: 'another',
      redirect: 'manual',
    })
  }
  let isOn = !situation.endsWith('lost')
  front.rule = async (asked, forward) => {
    if (isOn || asked.method !== 'POST') return await rule(asked, forward)
    isOn = true
    if (situation === 'answer lost') await forward()
    return null
  }
  const outcome = await post(front.origin + link, content)
  return { outcome, effects: origin.effects(link) }
}

function contradiction(outcome: string, effects: readonly string[], content: string) {
  const count = effects.filter(one => one === content).length
  if (effects.length > 1) return `${effects.length} effects`
  if (outcome.startsWith('accepted') && count === 0) return `${outcome}, and nothing happened`
  const isDenied = ['refused', 'used-before', 'gone'].includes(outcome)
  return isDenied && count > 0 ? `${outcome}, and it happened` : null
}
