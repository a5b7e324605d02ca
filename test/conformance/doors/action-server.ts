/**
 * A server with action resources: an empty POST to /actions makes one, a PUT to it places an order,
 * a DELETE before that calls it off. What it decides can be overridden.
 */
import { randomUUID } from 'node:crypto'
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

/** An action resource. */
export interface Action {
  readonly user: string
  state: 'open' | 'running' | 'done' | 'off'
  content: string
  outcome: Promise<Told> | null
  /** A GET has read it while it was open. */
  isRead: boolean
  repeats: number
}

/** The decisions of the server; the defaults are right. */
export interface ActionBehaviour {
  /** `unused`: how many have been made since the last PUT. */
  newId(unused: number): string
  /** The id that a path names; an id that is not there is made up where `adopts` says so. */
  adopts(id: string, issued: readonly string[]): boolean
  issued(id: string): Told
  /** Making one, or reading one, places an order. */
  readonly orders: '' | 'made' | 'GET' | 'HEAD'
  /** An order is placed besides what a PUT is told. */
  ordersToo(action: Action, asked: Asked): boolean
  mayUse(action: Action, asked: Asked): boolean
  /** A PUT that comes after the first one was accepted. */
  again(action: Action, asked: Asked): 'replay' | 'refuse' | 'run'
  replays(answer: Told, action: Action): Told
  whenOther(): Told
  whenOff(): Told | 'run'
  whenUnknown(id: string, asked: Asked): Told
  /** What a DELETE does in each state. */
  deletes(action: Action): Told
  readonly claimPauseMs: number
  readonly runPauseMs: number
  /** What is kept as the outcome. */
  keeps(answer: Told, asked: Asked): boolean
  readonly claimsEarly: boolean
  readonly remembers: boolean
}

const UNSEEN = { isRead: false, repeats: 0 }

/** Right in everything. */
export const RIGHT_ACTIONS: ActionBehaviour = {
  newId: () => randomUUID(),
  adopts: () => false,
  issued: id => told(201, { id }, { Location: `/actions/${id}` }),
  orders: '',
  ordersToo: () => false,
  mayUse: ({ user }, asked) => user === asked.user,
  again: ({ content }, { text }) => (content === text ? 'replay' : 'refuse'),
  replays: answer => answer,
  whenOther: () => refused(409, 'It was done with other content'),
  whenOff: () => refused(410, 'It was called off'),
  whenUnknown: () => refused(404, 'There is no such action'),
  deletes: action => {
    if (action.state === 'done') return refused(409, 'It was done')
    action.state = 'off'
    return { status: 204, fields: {}, text: '' }
  },
  claimPauseMs: 0,
  runPauseMs: 0,
  keeps: ({ status }) => status < 400,
  claimsEarly: false,
  remembers: true,
}

/** Starts it. */
export async function startActionServer(some: Partial<ActionBehaviour> = {}): Promise<DoorServer> {
  const office = new Office({ ...RIGHT_ACTIONS, ...some })
  return await startPlain({
    begins: asked => office.begins(asked),
    answer: (asked, pause) => office.answer(asked, pause),
    restarted: () => office.restarted(),
  })
}

type Pause = (ms: number) => Promise<void>

class Office {
  readonly #behaviour: ActionBehaviour
  readonly #actions = new Map<string, Action>()
  readonly #begun = new Map<string, symbol>()
  #orders = 0
  #unused = 0

  constructor(behaviour: ActionBehaviour) {
    this.#behaviour = behaviour
  }

  restarted(): void {
    if (this.#behaviour.remembers) return
    for (const action of this.#actions.values()) action.state = 'open'
  }

  begins({ id, method, path }: Asked): void {
    if (method === 'PUT' && !this.#begun.has(path)) this.#begun.set(path, id)
  }

  async answer(asked: Asked, pause: Pause): Promise<Told> {
    const answer = await this.#answer(asked, pause)
    if (this.#begun.get(asked.path) === asked.id) this.#begun.delete(asked.path)
    return answer
  }

  async #answer(asked: Asked, pause: Pause): Promise<Told> {
    const { method, path, user } = asked
    const behaviour = this.#behaviour
    if (path === '/ledger') return told(200, { orders: this.#orders })
    if (path === '/actions')
      return method === 'POST' ? this.#issue(user) : refused(405, 'Only POST')
    const id = /^\/actions\/(.*)$/.exec(path)?.[1]
    if (id === undefined) return refused(404, 'There is nothing here')
    const known = this.#actions.get(id)
    if (known === undefined && !behaviour.adopts(id, [...this.#actions.keys()])) {
      return ['DELETE', 'PUT'].includes(method)
        ? behaviour.whenUnknown(id, asked)
        : refused(404, 'No')
    }
    const action = known ?? this.#open(id, user)
    if (!behaviour.mayUse(action, asked)) return refused(404, 'There is no such action')
    if (method === 'PUT') return await this.#put(action, asked, pause)
    if (method === 'DELETE') return behaviour.deletes(action)
    if (method !== 'GET' && method !== 'HEAD') return refused(405, 'PUT, DELETE or GET')
    action.isRead ||= method === 'GET' && action.state === 'open'
    if (behaviour.orders === method) this.#orders += 1
    return told(200, { state: action.state })
  }

  #issue(user: string): Told {
    this.#unused += 1
    const id = this.#behaviour.newId(this.#unused)
    if (!this.#actions.has(id)) this.#open(id, user)
    if (this.#behaviour.orders === 'made') this.#orders += 1
    return this.#behaviour.issued(id)
  }

  #open(id: string, user: string): Action {
    const action: Action = { user, state: 'open', content: '', outcome: null, ...UNSEEN }
    this.#actions.set(id, action)
    return action
  }

  async #put(action: Action, asked: Asked, pause: Pause): Promise<Told> {
    this.#unused = 0
    const behaviour = this.#behaviour
    const isLate = behaviour.claimsEarly && (this.#begun.get(asked.path) ?? asked.id) !== asked.id
    if (isLate && action.state === 'open') return refused(409, 'It is running')
    if (behaviour.ordersToo(action, asked)) this.#orders += 1
    if (action.state === 'off') {
      const refusal = behaviour.whenOff()
      if (refusal !== 'run') return refusal
    }
    if (action.state === 'running' || action.state === 'done') {
      const how = behaviour.again(action, asked)
      if (how === 'refuse') return behaviour.whenOther()
      const { outcome } = action
      action.repeats += 1
      if (how === 'replay' && outcome !== null) return behaviour.replays(await outcome, action)
    }
    if (behaviour.claimPauseMs > 0) await pause(behaviour.claimPauseMs)
    return await this.#do(action, asked, pause)
  }

  async #do(action: Action, asked: Asked, pause: Pause): Promise<Told> {
    action.state = 'running'
    action.content = asked.text
    action.outcome = this.#order(asked, pause)
    const answer = await action.outcome
    action.state = this.#behaviour.keeps(answer, asked) ? 'done' : 'open'
    return answer
  }

  async #order(asked: Asked, pause: Pause): Promise<Told> {
    await pause(faultIn(asked, 'slow') + this.#behaviour.runPauseMs)
    const qty = memberOf(asked.text, 'qty')
    if (typeof qty !== 'number' || qty <= 0) return refused(422, 'qty is a number')
    this.#orders += 1
    return told(201, { order: this.#orders }, { Location: `/orders/${this.#orders}` })
  }
}
