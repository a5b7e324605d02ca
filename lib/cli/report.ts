/**
 * Printing: lines about the work on stderr, the result on stdout.
 */
import { styleText } from 'node:util'
import { parseJson } from '../client/answer.js'
import { systemClock } from '../client/clock.js'
import type { PostOutcome, RetryNotice, SendOptions } from '../client/index.js'
import { within } from '../client/timing.js'
import { endsSoon } from '../client/to-response.js'
import type { Terminal } from './command.js'
import { DEFAULT_TIMEOUT_MS, DEFAULT_TOTAL_MS } from './request-options.js'
import { shown } from './shown.js'
import type { CliVerdict } from './verdict.js'
import { failureInWords, tries, tryInWords } from './words.js'

const COLOURS = {
  accepted: 'green',
  'accepted-earlier': 'green',
  refused: 'red',
  'used-before': 'red',
  gone: 'red',
  unknown: 'yellow',
} as const

/** The content of an answer. */
export interface AnswerContent {
  readonly bytes: Uint8Array
  readonly type: string | null
  /** Why it could not be read; `null` where it was. */
  readonly failure: string | null
}

/** Nothing. */
export const NO_CONTENT: AnswerContent = { bytes: new Uint8Array(), type: null, failure: null }

/**
 * Hooks that say each retry and each give-up, and why.
 *
 * @param terminal - where
 * @param about - what each line begins with, for where several POSTs are told of
 */
export function retryLines(
  terminal: Terminal,
  about: (link: string) => string = () => '',
): Pick<Required<SendOptions>, 'onRetry' | 'onGiveUp'> {
  return {
    onRetry({ link, attempt, triesLeft, delayMs, response, cause }: RetryNotice) {
      const why = tryInWords({ response, cause })
      const again = `again in ${Math.round(delayMs)} ms`
      terminal.err(`${about(link)}Try ${attempt} of ${attempt + triesLeft}: ${why}; ${again}.`)
    },
    onGiveUp({ link, attempts, response, cause }) {
      const why = tryInWords({ response, cause })
      terminal.err(`${about(link)}Gave up after ${tries(attempts)}: ${why}.`)
    },
  }
}

/** An answer is printed as a whole. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Reads the content of an outcome's answer.
 *
 * @param outcome - of the client
 * @param options - how long that may take, and what ends it
 * @returns never throws: that it took effect does not depend on it
 */
export async function readOutcome(
  outcome: PostOutcome,
  options: Pick<SendOptions, 'timeoutMs' | 'totalMs'> & { readonly signal: AbortSignal },
): Promise<AnswerContent> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, totalMs = DEFAULT_TOTAL_MS, signal } = options
  const isResult = outcome.outcome === 'accepted' || outcome.outcome === 'accepted-earlier'
  const refusal = outcome.outcome === 'used-before' ? outcome.refusal : null
  const response = outcome.response ?? refusal
  const type = response?.headers.get('content-type') ?? null
  try {
    const ms = isResult ? totalMs : timeoutMs
    const bytes = await within(systemClock, ms, signal, async own => {
      const limits = { clock: systemClock, bodyLimitBytes: MOST_BYTES, totalMs: ms }
      const isShort = response === null || (await endsSoon(response, limits, { signal: own }))
      if (!isShort) throw new Error('it is longer than 64 MiB')
      if (outcome.response !== null || refusal === null) return await outcome.bytes()
      return new Uint8Array(await refusal.arrayBuffer())
    })
    return { bytes, type, failure: null }
  } catch (error) {
    return { ...NO_CONTENT, type, failure: failureInWords(error) }
  }
}

/** The object that tells a verdict. */
export function asObject(
  verdict: CliVerdict,
  content: AnswerContent,
): Readonly<Record<string, unknown>> {
  const { outcome, reason, link, idempotencyKey, attempts, status, location, message } = verdict
  return {
    outcome,
    reason,
    link,
    idempotencyKey,
    attempts,
    status,
    location,
    body: bodyOf(content),
    bodyError: content.failure,
    ...verdict.more,
    message,
  }
}

/** Prints a verdict and its content, and tells the exit code. */
export function tell(
  terminal: Terminal,
  verdict: CliVerdict,
  content: AnswerContent,
  isJson: boolean,
): number {
  terminal.err(coloured(terminal, verdict))
  if (verdict.advice !== null) terminal.err(verdict.advice)
  if (content.failure !== null) {
    terminal.err(`The content of the answer could not be read: ${content.failure}.`)
  }
  if (isJson) terminal.out(JSON.stringify(asObject(verdict, content)))
  else writeContent(terminal, content)
  return verdict.exitCode
}

/** The line that tells a verdict, in its colour where that is wanted. */
export function coloured(terminal: Terminal, { outcome, message }: CliVerdict): string {
  if (!terminal.isColoured) return message
  const head = styleText(COLOURS[outcome], outcome, { validateStream: false })
  return message.startsWith(outcome) ? `${head}${message.slice(outcome.length)}` : message
}

/** JSON as a value, text as text, everything else in base64; `null` for nothing. */
export function bodyOf({ bytes, type }: AnswerContent): unknown {
  if (bytes.length === 0) return null
  const text = textOf(bytes, type)
  if (text === null) return { base64: Buffer.from(bytes).toString('base64') }
  const json = /[/+]json\b/i.test(type ?? '') ? parseJson(text) : undefined
  return json === undefined ? text : json
}

function textOf(bytes: Uint8Array, type: string | null): string | null {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(type ?? '')?.[1] ?? 'utf-8'
  try {
    const text = new TextDecoder(charset, { fatal: true }).decode(bytes)
    return text.includes('\0') ? null : text
  } catch {
    return null
  }
}

function writeContent(terminal: Terminal, { bytes, type }: AnswerContent): void {
  if (bytes.length === 0) return
  // A program gets the bytes as they came, a person what a terminal cannot obey.
  if (!terminal.isWatched) {
    terminal.write(bytes)
    return
  }
  const text = textOf(bytes, type)
  if (text === null) {
    terminal.err(`The answer is ${bytes.length} bytes that are no text; send stdout to a file.`)
    return
  }
  terminal.write(Buffer.from(shown(text.replaceAll('\r\n', '\n'))))
  if (!text.endsWith('\n')) terminal.out('')
}
