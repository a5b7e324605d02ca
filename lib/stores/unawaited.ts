/**
 * Statements of a handler that fail while nobody awaits them: they end no process, and no success
 * is committed over them.
 *
 * A promise of ours is handled from the start, and knows whether anybody asked for its result. A
 * promise of the application or of a tool around it is not ours; Node tells when it is rejected and
 * nobody handles it. That is listened to only while a handler has a statement that failed.
 *
 * @see decision 0032
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { PoeError } from '../errors.js'

const EVENT = 'unhandledRejection'
/** How long a tool may take to pass on an error after its handler's end, in milliseconds. */
const PASSED_ON_MS = 1_000
/** How deep tools hide the error of their driver. */
const DEPTH = 3
const FAILED = 'A statement of the handler failed, and nobody awaited it. Await it in the handler.'

/** Hears of statements that nobody awaited. */
export interface UnawaitedListener {
  noteUnawaited(): void
}

/** The statements of one handler. */
export class Unawaited {
  readonly #listener: UnawaitedListener
  readonly #failed: Statement<unknown>[] = []
  #orphan: { readonly error: unknown } | null = null
  /** Whether a statement has failed, heard or not. */
  hasFailed = false
  #isOver = false

  /** @param listener - told of each that failed unheard */
  constructor(listener: UnawaitedListener) {
    this.#listener = listener
  }

  /** Gives the promise for the handler in the place of that of the work. */
  watch<Result>(work: Promise<Result>): Promise<Result> {
    const shown = new Statement<Result>((resolve, reject) => {
      work.then(resolve, reject)
    })
    shown.listen(error => {
      this.note(error)
      if (!this.#isOver) this.#failed.push(shown)
    })
    return shown
  }

  /** Takes an error for one of this handler's, also where a tool passes it on. */
  note(error: unknown): void {
    this.hasFailed = true
    if (typeof error === 'object' && error !== null) owners.set(error, this)
    listenFor(this)
    if (this.#isOver) stopSoon(this)
  }

  /** Called with an error that a promise around a statement has, and nobody handles. */
  orphaned(error: unknown): void {
    this.#listener.noteUnawaited()
    if (!this.#isOver) this.#orphan ??= { error }
  }

  /** Ends it, and tells what failed unheard. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { isHeard } of this.#failed) if (!isHeard) this.#listener.noteUnawaited()
    this.#failed.length = 0
    stopSoon(this)
  }

  /**
   * Why a success must not be committed after a statement has failed; `null` where it may. Node is
   * given the time to tell that nobody has handled it.
   */
  async failure(): Promise<PoeError | null> {
    await nextTurn()
    const unheard = this.#failed.find(({ isHeard }) => !isHeard)
    if (unheard === undefined && this.#orphan === null) return null
    const cause = unheard?.error ?? this.#orphan?.error
    return new PoeError('ERR_POE_TX_UNFINISHED', FAILED, { cause })
  }
}

/** What a handler gets for a statement. */
class Statement<Result> extends Promise<Result> {
  /** Whether somebody asked for its result. */
  isHeard = false
  error: unknown

  /** Those that come of it are usual ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // biome-ignore lint/suspicious/noThenProperty: `await` calls it, and so it is known who awaits
  override then<Done = Result, Failed = never>(
    onDone?: ((result: Result) => Done | PromiseLike<Done>) | null,
    onFailed?: ((error: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    this.isHeard = true
    return super.then(onDone, onFailed)
  }

  /** Hears of its failure without being the one who asked. */
  listen(onFailed: (error: unknown) => void): void {
    super.then(undefined, (error: unknown) => {
      this.error = error
      onFailed(error)
    })
  }
}

/** Whose statement an error comes from. */
const owners = new WeakMap<object, Unawaited>()
/** Whose errors may still be passed on. */
const active = new Set<Unawaited>()
let findCurrent: () => Unawaited | null = () => null

/** Says how to find the handler in which code runs, where handlers are followed. */
export function followBy(find: () => Unawaited | null): void {
  findCurrent = find
}

function listenFor(unawaited: Unawaited): void {
  if (active.size === 0 && endsByDefault()) process.on(EVENT, onUnhandled)
  active.add(unawaited)
}

function stopSoon(unawaited: Unawaited): void {
  if (!active.has(unawaited)) return
  setTimeout(() => {
    active.delete(unawaited)
    if (active.size === 0) process.off(EVENT, onUnhandled)
  }, PASSED_ON_MS).unref()
}

/** Whether a rejection that nobody handles ends this process, as it does unless Node is told. */
function endsByDefault(): boolean {
  const options = [process.env.NODE_OPTIONS, ...process.execArgv].join(' ')
  return !/--unhandled-rejections[= ](?!throw)/.test(options)
}

function onUnhandled(reason: unknown): void {
  const current = findCurrent()
  const owner = ownerOf(reason, DEPTH) ?? (current !== null && active.has(current) ? current : null)
  if (owner !== null) owner.orphaned(reason)
  // None of ours, and nobody else is there for it: as if we were not there either.
  else if (process.listenerCount(EVENT) === 1) throw reason
}

/** Tools put the error of their driver into one of their own. */
function ownerOf(error: unknown, depth: number): Unawaited | null {
  if (typeof error !== 'object' || error === null || depth < 0) return null
  const owner = owners.get(error)
  if (owner !== undefined) return owner
  for (const name of Object.getOwnPropertyNames(error)) {
    const found = ownerOf(Object.getOwnPropertyDescriptor(error, name)?.value, depth - 1)
    if (found !== null) return found
  }
  return null
}
