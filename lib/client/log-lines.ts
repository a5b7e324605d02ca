/**
 * The lines that a logger is told: of requests, waits and outcomes, and of nothing secret.
 *
 * @see POE draft 8
 */
import { quietly } from './observed-fetch.js'
import type { ClientLogger, RequestHooks, RetryNotice } from './options.js'
import type { PostOutcome } from './outcome.js'

/** A part of a path that is surely no token. */
const PLAIN = /^(?:[a-z][a-z_-]{0,15}|v\d{1,2})$/
/** What an error's name or code may be; messages may hold an address. */
const WORD = /^\w{1,40}$/
const DEEPEST = 4

/**
 * An address without what may be a right to post: no query, no last part of its path, and of the
 * others only plain words.
 */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return '***'
  const { origin, pathname } = new URL(url)
  const parts = pathname.replace(/\/+$/, '').split('/').slice(1)
  const isShown = (part: string, index: number) => index < parts.length - 1 && PLAIN.test(part)
  return [origin, ...parts.map((part, at) => (isShown(part, at) ? part : '***'))].join('/')
}

/** What a client tells its logger. */
export interface LogLines {
  /** Tells of each request's end. */
  readonly hooks: RequestHooks
  /** Tells of a wait. */
  readonly wait: (notice: RetryNotice) => void
  /** Tells how a POST ended. */
  readonly outcome: (outcome: PostOutcome) => void
}

/** The lines for a logger; one that throws changes nothing. */
export function logLines(logger: ClientLogger): LogLines {
  return {
    hooks: {
      onResponse: ({ method, url, status, cause }) =>
        logger.debug(`${method} ${placeOf(url)}: ${status ?? `no answer (${nameOf(cause)})`}`),
    },
    wait: ({ link, attempt, delayMs, triesLeft, response, cause }) => {
      const got = response === null ? `no answer (${nameOf(cause)})` : response.status
      const next = `again in ${Math.round(delayMs)} ms, tries left: ${triesLeft}`
      quietly(() => logger.info(`POST ${placeOf(link)}: try ${attempt} got ${got}; ${next}`))
    },
    outcome: outcome => {
      const { link, attempts, status } = outcome
      const reason = 'reason' in outcome ? ` (${outcome.reason})` : ''
      const ended = `${outcome.outcome}${reason}, tries: ${attempts}, status: ${status ?? 'none'}`
      const level = outcome.outcome === 'unknown' ? 'warn' : 'info'
      quietly(() => logger[level](`POST ${placeOf(link)}: ${ended}`))
    },
  }
}

/** The deepest code of an error, or else its name. */
function nameOf(error: unknown): string {
  let found = 'error'
  for (let at = error, depth = 0; depth < DEEPEST; depth += 1) {
    const { name, code, cause } = (at ?? {}) as Readonly<Record<string, unknown>>
    const word = [code, name].find(one => typeof one === 'string' && WORD.test(one))
    if (word !== undefined) found = String(word)
    at = cause
  }
  return found
}
