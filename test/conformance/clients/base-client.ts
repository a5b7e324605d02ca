/**
 * A small client that is right, and the faults that it can be given: what the suite for clients is
 * proven on. Written apart from the client of this package.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientEnding, ClientTask } from 'post-once-exactly/conformance'
import { rawRequest, requestBytes, responseOf } from 'post-once-exactly/testing'

/** The faults, by name, and what each of them is. */
export const FAULTS = {
  endless: 'tries again for ever',
  'new-link': 'takes a new link for each try',
  'any-405': 'takes every 405 for success',
  'no-405': 'takes every 405 for a failure',
  'first-405': 'takes a 405 to the first try for success',
  'gone-is-failure': 'tells 404 and 410 to a further try as a failure',
  '502-is-failure': 'tells 502 as a failure',
  'post-after-303': 'posts to where 303 leads',
  'get-after-307': 'goes by GET where 307 leads',
  'back-to-entry': 'goes back to the entry after a 307 and a lost answer',
  '302-is-success': 'follows 302 and takes the page there for success',
  'retries-422': 'tries again what was refused',
  'retries-401': 'tries again without a login',
  'changed-body': 'sends other content with each try',
  'ignores-retry-after': 'does not wait as long as it is told to',
  hammers: 'does not wait at all',
  steady: 'waits equally long each time',
  'foreign-links': 'uses links of other origins',
  'splits-at-commas': 'splits POE-Links at every comma',
  'first-line': 'reads the first line of POE-Links only',
  'content-location': 'resolves links against Content-Location',
  'quotes-only': 'reads links with quotes only',
  'sends-fragments': 'sends what stands behind a #',
  optimist: 'tells success when it has given up',
  pessimist: 'tells a failure when it has given up',
  'silent-about-poe': 'does not say POE: 1',
  derives: 'asks for places that nobody has named',
  'no-length': 'asks for a link without saying that there is no content',
  'posts-to-pages': 'posts to a page without a link, again and again',
  'broken-is-failure': 'tells an answer that breaks off as a failure',
  '500-is-failure': 'tells 500 as a failure',
  'refused-is-done': 'takes a refusal after a lost request for success',
  'needs-result': 'tells a failure where the result cannot be fetched',
  'counts-tries': 'numbers its tries in a field',
  'reads-soon-as-now': 'does not wait after a Retry-After that it cannot read',
  'busy-is-failure': 'tells 409 as a failure',
  'follows-anywhere': 'sends the order where 307 leads, whatever origin that is',
  'reads-backslashes': 'takes members with a backslash for links',
  'reads-nothing': 'takes an empty field for a link to the page',
  'first-page': 'resolves links against the page before a redirect',
  'echoes-links': 'sends POE-Links with its POSTs',
  respells: 'writes links as it likes them',
} as const

/** The name of a fault. */
export type FaultName = keyof typeof FAULTS

/** What a client does in one situation, where it is right in all others. */
export interface NarrowFault {
  /** How it ends, or `again`, in the place of what is right; `null`: as is right. */
  readonly tells?: (seen: Situation) => Verdict | null
  /** How long it waits, in milliseconds. */
  readonly waitsMs?: (seen: Situation) => number | null
  /** It tries so often, where no answer comes. */
  readonly tries?: number
  /** It takes a new link. */
  readonly renews?: (seen: Situation) => boolean
  /** It sends something else. */
  readonly changes?: (seen: Situation) => boolean
  /** It asks by GET where a redirect with this status leads. */
  readonly getsAfter?: number
  /** It does this after it was accepted. */
  readonly afterwards?: 'posts' | 'derives'
  /** Which links it finds. */
  readonly finds?: (page: FoundPage) => string[] | null
  /** Links to other origins are taken. */
  readonly isTrusting?: true
  /** Where the page has no links, it posts there. */
  readonly postsToPages?: true
}

/** What has happened so far. */
export interface Situation {
  /** Of the answers to its POSTs, with `null` for none. */
  readonly statuses: readonly (number | null)[]
  readonly answer: Response | null
}

/** A page, and the links in it. */
export interface FoundPage {
  readonly members: readonly string[]
  readonly value: string
  readonly hasBase: boolean
  readonly isMoved: boolean
  readonly host: string
}

const TRIES = 6
const MOVED = new Set([307, 308])
const FIRST_PAUSE_MS = 60
const ORDER = '{"sku":"tea","qty":1}'

/** Makes the client, with a fault or without. */
export function baseClient(
  fault: FaultName | null,
  narrow: NarrowFault = {},
): (task: ClientTask) => Promise<ClientEnding> {
  return async task => await new Order(task, fault, narrow).end()
}

/** What an answer to a try came to. */
export type Verdict = ClientEnding | 'again'

/** One order on its way. */
class Order {
  readonly #task: ClientTask
  readonly #fault: FaultName | null
  readonly #fields: Record<string, string>
  /** Whether an earlier try may have arrived. */
  #mayHaveArrived = false
  #tries = 0
  #entry: URL | null = null
  readonly #narrow: NarrowFault
  readonly #statuses: (number | null)[] = []
  /** What was found on the page is a plain link. */
  #isPlain = false

  constructor(task: ClientTask, fault: FaultName | null, narrow: NarrowFault) {
    this.#task = task
    this.#narrow = narrow
    this.#fault = fault
    this.#fields = fault === 'silent-about-poe' ? {} : { POE: '1' }
  }

  async end(): Promise<ClientEnding> {
    let link = await this.#findLink()
    if (link === null) return 'refused'
    this.#entry = link
    if (this.#is('derives')) await this.#fetch(new URL('.', link), {}).catch(() => {})
    for (;;) {
      this.#tries += 1
      const answer = await this.#post(link)
      const moved = MOVED.has(answer?.status ?? 0) ? answer?.headers.get('location') : null
      if (moved !== null && moved !== undefined) {
        const target: URL = new URL(moved, link)
        if (target.origin !== link.origin && !this.#is('follows-anywhere')) return 'refused'
        link = target
        const isAsked = this.#is('get-after-307') || answer?.status === this.#narrow.getsAfter
        if (isAsked) await this.#fetch(link, {})
        continue
      }
      const seen = { statuses: this.#statuses, answer }
      const verdict =
        this.#narrow.tells?.(seen) ?? (answer === null ? 'again' : await this.#judge(answer, link))
      if (verdict === 'accepted') await this.#afterwards(link)
      if (verdict !== 'again') return verdict
      if (answer === null || answer.status >= 500) this.#mayHaveArrived ||= answer?.status !== 503
      const most = answer === null ? (this.#narrow.tries ?? TRIES) : TRIES
      if (this.#tries >= most && !this.#is('endless')) return this.#givenUp()
      await this.#pause(answer)
      if (this.#is('new-link') || this.#narrow.renews?.(seen) === true)
        link = (await this.#findLink()) ?? link
      if (this.#is('back-to-entry')) link = this.#entry
    }
  }

  #is(name: FaultName): boolean {
    return this.#fault === name
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    const { signal } = this.#task
    const headers = { ...this.#fields, ...(init.headers as Record<string, string> | undefined) }
    return await fetch(url, { ...init, headers, signal, redirect: 'manual' })
  }

  async #afterwards(link: URL): Promise<void> {
    const { afterwards } = this.#narrow
    if (afterwards === undefined || this.#statuses.join() !== '201' || !this.#isPlain) return
    if (afterwards === 'posts') await this.#fetch(link, { method: 'POST', body: ORDER })
    else await this.#fetch(new URL('.', link), {})
  }

  /** `null` where no answer came. */
  async #post(link: URL): Promise<Response | null> {
    const answer = await this.#postOnce(link)
    this.#statuses.push(answer?.status ?? null)
    return answer
  }

  async #postOnce(link: URL): Promise<Response | null> {
    const isChanged = this.#narrow.changes?.({ statuses: this.#statuses, answer: null }) === true
    const isOther = this.#is('changed-body') || isChanged
    const body = isOther ? ORDER.replace('1', String(this.#tries)) : ORDER
    const headers: Record<string, string> = { 'Content-Type': 'application/json' }
    if (this.#is('counts-tries')) headers['X-Try'] = String(this.#tries)
    if (this.#is('echoes-links')) headers['POE-Links'] = `"${link.pathname}"`
    if (this.#is('respells')) link.href = link.href.replace('%7e', '~').replace('%2F', '/')
    try {
      return await this.#fetch(link, { method: 'POST', body, headers })
    } catch (error) {
      if (this.#task.signal.aborted) throw error
      return null
    }
  }

  async #judge(answer: Response, link: URL): Promise<Verdict> {
    const { status } = answer
    if (status >= 200 && status < 300) return await this.#accepted(answer)
    if (status === 303) {
      const method = this.#is('post-after-303') ? 'POST' : 'GET'
      const target = new URL(answer.headers.get('location') ?? '', link)
      await this.#fetch(target, { method, ...(method === 'POST' ? { body: ORDER } : {}) })
      return 'accepted'
    }
    if (status === 301 || status === 302) {
      return this.#is('302-is-success') ? 'accepted' : await this.#ask(link)
    }
    if (status === 405) return await this.#judge405(answer, link)
    if ((status === 502 || status === 504) && this.#is('502-is-failure')) return 'refused'
    if (status === 500 && this.#is('500-is-failure')) return 'refused'
    if (status === 409 && this.#is('busy-is-failure')) return 'refused'
    if ([409, 425, 429, 503].includes(status) || status >= 500) return 'again'
    if (status === 422 && this.#is('retries-422')) return 'again'
    if (status === 401 && this.#is('retries-401')) return 'again'
    if (!this.#mayHaveArrived) return 'refused'
    if (status === 422 && this.#is('refused-is-done')) return 'accepted'
    return this.#is('gone-is-failure') ? 'refused' : 'unknown'
  }

  async #accepted(answer: Response): Promise<Verdict> {
    try {
      await answer.arrayBuffer()
      return 'accepted'
    } catch {
      return this.#is('broken-is-failure') ? 'refused' : 'accepted'
    }
  }

  async #judge405(answer: Response, link: URL): Promise<Verdict> {
    if (this.#is('any-405')) return 'accepted'
    if (this.#is('no-405')) return 'refused'
    if (!this.#mayHaveArrived && this.#is('first-405')) return 'accepted'
    const allow = answer.headers.get('allow')
    const isOpen = allow === null || /\bPOST\b/.test(allow)
    const proof = answer.headers.get('link')?.includes(`anchor="${link.pathname}"`) === true
    const found = await this.#fetch(link, {}).catch(() => null)
    const isProven = proof || (!isOpen && found?.ok === true)
    if (!this.#mayHaveArrived) return 'refused'
    if (isProven && found?.ok !== true && this.#is('needs-result')) return 'refused'
    return isProven ? 'accepted' : 'unknown'
  }

  /** Nothing is proven by what was said: the link is asked. */
  async #ask(link: URL): Promise<Verdict> {
    const answer = await this.#fetch(link, {}).catch(() => null)
    if (answer?.ok === true) return 'accepted'
    const isOpen = answer?.headers.get('allow')?.includes('POST') === true
    return isOpen && !this.#mayHaveArrived ? 'refused' : 'unknown'
  }

  #givenUp(): ClientEnding {
    if (this.#is('optimist')) return 'accepted'
    return this.#is('pessimist') ? 'refused' : 'unknown'
  }

  async #pause(answer: Response | null): Promise<void> {
    if (this.#is('hammers')) return
    const narrowMs = this.#narrow.waitsMs?.({ statuses: this.#statuses, answer }) ?? null
    if (narrowMs !== null) {
      await sleep(narrowMs, undefined, { signal: this.#task.signal })
      return
    }
    // Equal pauses are longer ones, so that what a busy machine adds is no growth.
    const step = this.#is('steady') ? 4 : 2 ** (this.#tries - 1)
    const ownMs = FIRST_PAUSE_MS * step
    const askedMs = this.#askedMs(answer)
    const pauseMs = this.#is('ignores-retry-after') ? ownMs : Math.max(askedMs, ownMs)
    const cappedMs = this.#is('endless') ? Math.max(askedMs, Math.min(pauseMs, 1_000)) : pauseMs
    await sleep(cappedMs, undefined, { signal: this.#task.signal })
  }

  /** What `Retry-After` asks for, in milliseconds. */
  #askedMs(answer: Response | null): number {
    const after = answer?.headers.get('retry-after') ?? null
    if (after === null) return 0
    const ms = /^\d+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - Date.now()
    return Number.isNaN(ms) && !this.#is('reads-soon-as-now') ? 0 : ms
  }

  async #findLink(): Promise<URL | null> {
    let page = new URL(this.#task.url)
    let answer = await this.#fetch(page, {})
    if (answer.status === 302) {
      const target = new URL(answer.headers.get('location') ?? '', page)
      answer = await this.#fetch(target, {})
      if (!this.#is('first-page')) page = target
    }
    if (answer.status === 405) answer = await this.#mint(page)
    const value = answer.headers.get('poe-links') ?? ''
    const base = new URL(answer.headers.get('content-location') ?? '', page)
    const from = this.#is('content-location') ? base : page
    const members = this.#membersOf(value)
    const isMoved = page.href !== this.#task.url
    const hasBase = answer.headers.has('content-location')
    const found = { members, value, hasBase, isMoved, host: page.host }
    const references = this.#narrow.finds?.(found) ?? members
    this.#isPlain = /^"[^"#,]*"$/.test(value)
    const content = (await answer.json().catch(() => ({}))) as { link?: string }
    if (references.length === 0 && content.link !== undefined) references.push(content.link)
    if (this.#is('reads-nothing') && answer.headers.get('poe-links') === '') return page
    const links = references.map(reference => new URL(reference, from))
    const isOurs = ({ origin }: URL) => origin === page.origin || this.#isTrusting(references)
    const link = links.find(isOurs)
    if (link === undefined && this.#narrow.postsToPages && !answer.headers.has('poe-links'))
      return page
    if (link === undefined) return references.length > 0 ? null : this.#withoutLink(page)
    if (this.#is('sends-fragments')) link.pathname += encodeURIComponent(link.hash)
    link.hash = ''
    return link
  }

  #membersOf(value: string): string[] {
    const all = value.match(/"[^"]*"/g) ?? []
    const quoted = all.filter(one => !one.includes('\\') || this.#is('reads-backslashes'))
    if (this.#is('splits-at-commas')) {
      const members = value.split(',').map(member => member.replaceAll('"', '').trim())
      return members.filter(member => member !== '' && !member.includes('\\'))
    }
    // Lines are joined by a comma: what comes before the first one is the first line.
    if (this.#is('first-line') && value.startsWith(',')) return []
    const bare = quoted.length > 0 || this.#is('quotes-only') ? [] : value.split(/[ ,]+/)
    return [...quoted.map(member => member.slice(1, -1)), ...bare.filter(member => member !== '')]
  }

  async #mint(page: URL): Promise<Response> {
    if (!this.#is('no-length')) return await this.#fetch(page, { method: 'POST' })
    const bytes = requestBytes({
      method: 'POST',
      path: page.pathname,
      headers: { Host: page.host, 'Transfer-Encoding': 'chunked', ...this.#fields },
      body: '0\r\n\r\n',
    })
    const { fields, status } = responseOf(await rawRequest({ port: Number(page.port), bytes }))
    const headers = fields.map(({ name, value }): [string, string] => [name, value])
    return new Response(null, { status, headers })
  }

  #isTrusting(references: readonly string[]): boolean {
    return this.#is('foreign-links') || (this.#narrow.isTrusting === true && references.length > 0)
  }

  #withoutLink(page: URL): URL | null {
    return this.#is('posts-to-pages') ? page : null
  }
}
