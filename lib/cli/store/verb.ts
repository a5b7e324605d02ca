/**
 * What a verb of `poe store` is, and what it works with.
 */
import { createInterface } from 'node:readline'
import { styleText } from 'node:util'
import { Operator } from '../../engine/operator.js'
import type { Flags } from '../arguments.js'
import { Misuse, type Terminal } from '../command.js'
import type { OpenedStore, StoreAddress } from './open-store.js'

/** Flags that every verb has. */
export const COMMON_FLAGS = {
  store: { type: 'string' },
  prefix: { type: 'string' },
  schema: { type: 'string' },
  json: { type: 'boolean' },
} as const

/** What they mean, for the help. */
export const COMMON_HELP = `\
  --store <url>          sqlite:<file>, redis://..., rediss://... or postgres://...; by default
                         what POE_STORE says, where no other user sees a password
  --prefix <text>        of the keys in Redis. Default: poe
  --schema <name>        in PostgreSQL. Default: poe
  --json                 print JSON for programs`

/** Flags of a verb that changes something. */
export const CHANGE_FLAGS = { 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } } as const

/** What they mean, for the help. */
export const CHANGE_HELP: string = `\
  --dry-run              say what would be done, and change nothing
  --yes                  do not ask; needed where no terminal is there to be asked
${COMMON_HELP}`

/** The exit codes, for the help. */
export const EXIT_HELP = `\
Exit codes: 0 done, 1 it could not be done, 2 misuse or not confirmed, 130 or 143 interrupted.`

/** A verb. */
export interface Verb {
  readonly name: string
  /** What it does, in a few words. */
  readonly summary: string
  /** What follows its name. */
  readonly usage: string
  readonly help: string
  /** Its own flags. */
  readonly flags: Flags
  /** How many arguments it takes that are no flags. */
  readonly words: number
  /** Whether it changes something, so that it has to be confirmed. */
  readonly changes: boolean
  /**
   * Reads its arguments, before any store is opened.
   *
   * @returns what it does with the store; that gives the exit code
   * @throws Misuse
   */
  plan(values: VerbValues, words: readonly string[]): (desk: Desk) => Promise<number>
  /** What it does where it needs no store; `null` where it does. It gives the exit code. */
  alone?(values: VerbValues, about: Pick<Desk, 'terminal' | 'isJson'>): number | null
}

/** What was given for a verb's flags. */
export type VerbValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** What a verb works with. */
export class Desk {
  readonly terminal: Terminal
  readonly address: StoreAddress
  readonly opened: OpenedStore
  readonly operator: Operator
  readonly isJson: boolean
  readonly isDry: boolean
  readonly #isSure: boolean

  constructor(
    terminal: Terminal,
    address: StoreAddress,
    opened: OpenedStore,
    values: { readonly isJson: boolean; readonly isDry: boolean; readonly isSure: boolean },
  ) {
    this.terminal = terminal
    this.address = address
    this.opened = opened
    this.isJson = values.isJson
    this.isDry = values.isDry
    this.#isSure = values.isSure
    this.operator = new Operator({
      store: opened.store,
      // Nobody waits for an answer here, so each store has its usual time.
      call: send => send(CALL_MS),
      emit: () => {},
      bodyLimitBytes: Number.POSITIVE_INFINITY,
    })
  }

  /** Prints the result: one object, or lines. */
  print(object: unknown, lines: readonly string[]): void {
    if (this.isJson) this.terminal.out(JSON.stringify(object))
    else for (const line of lines) this.terminal.out(line)
  }

  /**
   * Says what is about to be done, and asks.
   *
   * @returns whether it is to be done: not in a dry run
   * @throws Misuse where the answer is no
   */
  async confirm(lines: readonly string[]): Promise<boolean> {
    const { terminal } = this
    terminal.err(`Store: ${this.address.name}`)
    for (const line of lines) terminal.err(line)
    if (this.isDry) {
      terminal.err('Dry run: nothing was changed.')
      if (this.isJson) terminal.out(JSON.stringify({ isDone: false, isDryRun: true }))
      return false
    }
    if (this.#isSure) return true
    terminal.err("Type 'yes' to do it:")
    for await (const line of createInterface({ input: terminal.stdin() })) {
      if (line.trim() === 'yes') return true
      break
    }
    throw new Misuse('Not confirmed; nothing was changed.')
  }

  /** A word in its colour, on a terminal. */
  coloured(colour: 'green' | 'yellow' | 'red', text: string): string {
    const { isColoured, isWatched } = this.terminal
    if (!isColoured || !isWatched) return text
    return styleText(colour, text, { validateStream: false })
  }
}

/** How long one call of a store may take, in milliseconds. */
export const CALL_MS = 15_000

/** A text flag; `undefined` where it was not given. */
export function textOf(values: VerbValues, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** Whether a flag was given. */
export function isGiven(values: VerbValues, name: string): boolean {
  return values[name] === true
}

/** A time as it is shown, with how long ago it was. */
export function shownTime(atMs: number | null, nowMs: number): string {
  if (atMs === null) return 'never'
  const agoMs = nowMs - atMs
  const span = shownSpan(Math.abs(agoMs))
  return `${new Date(atMs).toISOString()} (${agoMs >= 0 ? `${span} ago` : `in ${span}`})`
}

/** How long something is, as a person says it. */
function shownSpan(ms: number): string {
  for (const [unit, unitMs] of UNITS) {
    if (ms >= 2 * unitMs) return `${Math.floor(ms / unitMs)} ${unit}`
  }
  return `${Math.round(ms)} ms`
}

const UNITS = [
  ['days', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

const DURATION = /^(\d+)(ms|s|m|h|d)$/
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Reads a duration such as `90s`, `15m`, `2h` or `1d`.
 *
 * @returns milliseconds
 * @throws Misuse
 */
export function readDuration(text: string, flag: string): number {
  const [, count = '', unit = ''] = DURATION.exec(text) ?? []
  const unitMs = DURATIONS[unit]
  if (unitMs !== undefined) return Number(count) * unitMs
  throw new Misuse(`--${flag} takes a duration such as 90s, 15m, 2h or 1d.`)
}
