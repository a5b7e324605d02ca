/**
 * A server with conditional requests, written from RFC 9110: POST /stock/tea {add} with If-Match.
 * What it decides can be overridden.
 *
 * @see RFC 9110 8.8.3, 13.1, 13.2; RFC 6585 3
 */
import {
  type Asked,
  type DoorServer,
  faultIn,
  memberOf,
  refused,
  startPlain,
  type Told,
  told,
} from './plain.js'

/** What a server compares. */
export interface Conditions {
  readonly match: string | null
  readonly noneMatch: string | null
  /** The entity tag of now. */
  readonly tag: string
}

/** The request that was done last. */
export interface Done {
  readonly match: string | null
  readonly user: string
  readonly text: string
  readonly answer: Told
  /** How often it came again. */
  repeats: number
}

/** The decisions of the server; the defaults are right. */
export interface ConditionBehaviour {
  /** `true`: the condition holds; `null`: there is none. */
  holds(conditions: Conditions): boolean | null
  whenMissing(): Told | 'run'
  /** `last`: where the request that was done last comes again. */
  whenFalse(last: Done | null): Told
  /** Something is added although a condition is missing. */
  readonly addsMissing: boolean
  /** Something is added although the request that was done last is refused when it comes again. */
  addsAnyway(last: Done): boolean
  /** The request that was done before is told its answer again. */
  replays(asked: Asked, match: string | null, last: Done): boolean
  /** Where another request is at work. */
  whenRunning(first: Asked): Told | 'run'
  /** Between comparing and writing, in milliseconds. */
  readonly writePauseMs: number
  /** Before comparing. */
  readonly comparePauseMs: number
  /** What is done is a new state. */
  changes(asked: Asked): boolean
  /** What is refused is a new state, too. */
  readonly counts: 'done' | 'all'
  readonly remembers: boolean
  /** So much more is added than was asked for. */
  readonly addsToo: number
  /** Whether every path is the target. */
  readonly isAnywhere: boolean
}

/** Right in everything. */
export const RIGHT_CONDITIONS: ConditionBehaviour = {
  holds: ({ match, noneMatch, tag }) => {
    if (match !== null) return match === '*' || membersOf(match).includes(tag)
    return noneMatch === null ? null : noneMatch !== '*' && !membersOf(noneMatch).includes(tag)
  },
  whenMissing: () => refused(428, 'Send If-Match'),
  whenFalse: () => refused(412, 'The stock has changed'),
  replays: () => false,
  addsMissing: false,
  addsAnyway: () => false,
  whenRunning: () => refused(409, 'It is running'),
  writePauseMs: 0,
  comparePauseMs: 0,
  changes: () => true,
  counts: 'done',
  remembers: true,
  addsToo: 0,
  isAnywhere: false,
}

/** The tags in a condition, as they are written. */
export function membersOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:W\/)?"[^"]*"/g)].map(([member]) => member)
}

/** Starts it. */
export async function startConditionServer(
  some: Partial<ConditionBehaviour> = {},
): Promise<DoorServer> {
  const store = new Store({ ...RIGHT_CONDITIONS, ...some })
  return await startPlain({
    answer: (asked, pause) => store.answer(asked, pause),
    restarted: () => store.restarted(),
  })
}

class Store {
  readonly #behaviour: ConditionBehaviour
  #version = 1
  #added = 0
  #last: Done | null = null
  #running: Asked | null = null

  constructor(behaviour: ConditionBehaviour) {
    this.#behaviour = behaviour
  }

  restarted(): void {
    this.#last = null
    if (!this.#behaviour.remembers) this.#version -= 1
  }

  async answer(asked: Asked, pause: (ms: number) => Promise<void>): Promise<Told> {
    const { method, path } = asked
    if (path === '/ledger') return told(200, { added: this.#added })
    if (path !== '/stock/tea' && !this.#behaviour.isAnywhere) {
      return refused(404, 'There is nothing here')
    }
    if (method === 'GET' || method === 'HEAD') return told(200, {}, { ETag: this.#tag() })
    if (method !== 'POST') return refused(405, 'GET or POST')
    return await this.#post(asked, pause)
  }

  async #post(asked: Asked, pause: (ms: number) => Promise<void>): Promise<Told> {
    const behaviour = this.#behaviour
    if (behaviour.comparePauseMs > 0) await pause(behaviour.comparePauseMs)
    const [match = null] = asked.lines('If-Match')
    const [noneMatch = null] = asked.lines('If-None-Match')
    const isTrue = behaviour.holds({ match, noneMatch, tag: this.#tag() })
    const missing = isTrue === null ? behaviour.whenMissing() : 'run'
    if (missing !== 'run') {
      if (behaviour.addsMissing) this.#added += 1
      return missing
    }
    if (isTrue === false) {
      const last = this.#last
      const isRepeat = last !== null && behaviour.replays(asked, match, last)
      const again = last !== null && isSame(last, asked, match) ? last : null
      if (again !== null) again.repeats += 1
      if (again !== null && behaviour.addsAnyway(again)) this.#added += 1
      return isRepeat ? last.answer : behaviour.whenFalse(again)
    }
    const first = this.#running
    const meanwhile = first === null ? 'run' : behaviour.whenRunning(first)
    if (meanwhile !== 'run') return meanwhile
    const slowMs = faultIn(asked, 'slow')
    if (slowMs > 0) this.#running = asked
    if (slowMs + behaviour.writePauseMs > 0) await pause(slowMs + behaviour.writePauseMs)
    this.#running = null
    return this.#write(asked, match)
  }

  #write(asked: Asked, match: string | null): Told {
    const add = memberOf(asked.text, 'add')
    const isValid = typeof add === 'number' && add > 0
    const isNew = isValid ? this.#behaviour.changes(asked) : this.#behaviour.counts === 'all'
    if (isNew) this.#version += 1
    if (!isValid) return refused(422, 'add is a number')
    this.#added += 1 + this.#behaviour.addsToo
    const answer = told(200, { added: this.#added }, { ETag: this.#tag() })
    this.#last = { match, user: asked.user, text: asked.text, answer, repeats: 0 }
    return answer
  }

  #tag(): string {
    return `"v${this.#version}"`
  }
}

function isSame(last: Done, { user, text }: Asked, match: string | null): boolean {
  return last.match === match && last.user === user && last.text === text
}
