/**
 * What went over the wire in a check, in order, for those who mend the server: which exchange was
 * judged, and commands that send the requests again.
 */
import { noting } from './recorder.js'
import type { ToldExchange } from './report.js'
import type { Exchange, Sent } from './wire.js'
import { readable, transcript } from './words.js'

/** So many exchanges of a check are told. */
const MOST_TOLD = 24
/** Longer contents are not put on a command line, in bytes. */
const MOST_ARGUMENT_BYTES = 4_000

/** What a check that did not pass leaves for its report. */
export interface Recorded {
  readonly durationMs: number
  readonly exchanges?: readonly ToldExchange[]
  /** How many more there were. */
  readonly exchangesLeftOut?: number
}

interface Ended {
  readonly result: string
  readonly exchange?: string
}

/**
 * Runs a check; adds to its ending how long it took and, where it did not pass, its exchanges.
 *
 * @param secrets - names of fields, in small letters, whose values are left out
 * @param check - runs it; several may be under way at once
 */
export async function recorded<E extends Ended>(
  secrets: ReadonlySet<string>,
  check: () => Promise<E>,
): Promise<E & Recorded> {
  const exchanges: Exchange[] = []
  const startMs = performance.now()
  const ended = await noting(exchanges, check)
  const durationMs = Math.round(performance.now() - startMs)
  const isQuiet = ended.result === 'pass' || ended.result === 'skipped'
  if (isQuiet || exchanges.length === 0) return { ...ended, durationMs }
  return { ...ended, durationMs, ...toldOf(exchanges, startMs, ended.exchange ?? null, secrets) }
}

function toldOf(
  exchanges: readonly Exchange[],
  startMs: number,
  judged: string | null,
  secrets: ReadonlySet<string>,
): Pick<Recorded, 'exchanges' | 'exchangesLeftOut'> {
  const texts = exchanges.map(one => transcript(one, secrets))
  const decisive = judged === null ? -1 : texts.lastIndexOf(judged)
  const shown = shownOf(exchanges.length, decisive)
  const told = exchanges.flatMap((exchange, index): ToldExchange[] => {
    if (!shown.has(index)) return []
    return [
      {
        endedAtMs: Math.max(0, Math.round(exchange.endedAtMs - startMs)),
        isDecisive: index === decisive,
        text: texts[index] ?? '',
        curl: curlOf(exchange.sent, secrets),
      },
    ]
  })
  const left = exchanges.length - told.length
  return left === 0 ? { exchanges: told } : { exchanges: told, exchangesLeftOut: left }
}

/** The first ones, and those that led to the one that was judged, or to the end. */
function shownOf(count: number, decisive: number): ReadonlySet<number> {
  const last = decisive < 0 ? count - 1 : decisive
  const half = MOST_TOLD / 2
  const all = Array.from({ length: count }, (_, index) => index)
  if (count <= MOST_TOLD) return new Set(all)
  return new Set(all.filter(index => index < half || (index > last - half && index <= last)))
}

/**
 * A command that sends a request again. Secrets are variables of the shell, named after fields.
 *
 * @param sent - the request
 * @param secrets - names of fields, in small letters, whose values are left out
 */
export function curlOf(sent: Sent, secrets: ReadonlySet<string>): string {
  const { method, url, target, fields, body } = sent
  const lines = fields.map(([name, value]) => {
    return secrets.has(name.toLowerCase())
      ? `-H "${name}: $${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}"`
      : `-H ${quoted(`${name}: ${value}`)}`
  })
  const isPlain = target === url.pathname + url.search
  const where = isPlain ? [] : ['--request-target', quoted(target)]
  const how = method === 'HEAD' ? ['--head'] : ['-X', quoted(method)]
  const parts = ['curl -i --path-as-is', ...how, ...lines, ...contentOf(body), ...where]
  return [...parts, quoted(url.href)].join(' ')
}

function contentOf(body: Buffer | null): string[] {
  if (body === null || body.length === 0) return []
  const text = body.toString('utf8')
  const isText = Buffer.from(text).equals(body) && readable(text) === text
  if (isText && body.length <= MOST_ARGUMENT_BYTES) return ['--data-binary', quoted(text)]
  return ['--data-binary', `@content-of-${body.length}-bytes`]
}

/** One word for a shell of POSIX. */
function quoted(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
