/**
 * The flags that every command with requests has.
 */
import { readCount } from './arguments.js'
import { Misuse } from './command.js'

/** The flags. */
export const REQUEST_FLAGS = {
  header: { type: 'string', multiple: true, short: 'H' },
  tries: { type: 'string' },
  timeout: { type: 'string' },
  total: { type: 'string' },
  output: { type: 'string' },
} as const

/** What `--help` says of them. */
export const REQUEST_HELP = `\
  -H, --header 'K: V'    a field of every request, such as a login; may be repeated; it goes to no
                         other origin, also not by redirects
  --tries <n>            how often to try at most. Default: 5
  --timeout <ms>         how long one try waits for its answer. Default: 30000
  --total <ms>           how long all tries and pauses may take. Default: 120000
  --output <json|text>   what is printed on stdout. Default: text`

/** How long one try waits where nothing else was said, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 30_000
/** The same of all tries, and of reading a result. */
export const DEFAULT_TOTAL_MS = 120_000

/** What was given for them. */
export interface CliRequestOptions {
  readonly headers: Headers
  readonly limits: {
    readonly tries?: number
    readonly timeoutMs?: number
    readonly totalMs?: number
  }
  readonly isJson: boolean
}

/** RFC 9110 5.6.2 and 5.5. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Set by what sends; a value of one's own makes the request unreadable. */
const NOT_GIVEN = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Reads the values of {@link REQUEST_FLAGS}.
 *
 * @throws Misuse; no value of a field is in its message
 */
export function readRequestOptions(values: {
  readonly header?: readonly string[]
  readonly tries?: string
  readonly timeout?: string
  readonly total?: string
  readonly output?: string
}): CliRequestOptions {
  const { output = 'text' } = values
  if (output !== 'json' && output !== 'text') throw new Misuse('--output takes json or text.')
  const tries = readCount(values.tries, 'tries')
  const timeoutMs = readCount(values.timeout, 'timeout')
  const totalMs = readCount(values.total, 'total')
  const limits = {
    ...(tries === undefined ? {} : { tries }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(totalMs === undefined ? {} : { totalMs }),
  }
  return { headers: readHeaders(values.header ?? []), limits, isJson: output === 'json' }
}

/** The fields for a GET: those that tell of content belong to the POST. */
export function withoutContent(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !name.startsWith('content-')))
}

function readHeaders(lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Misuse("--header takes a name, a colon and a value: 'Accept: */*'.")
    const name = line.slice(0, colon).trim().toLowerCase()
    if (NOT_GIVEN.has(name)) throw new Misuse(`--header cannot set ${name}.`)
    if (name === 'idempotency-key') {
      throw new Misuse('Give --idempotency-key instead: the key decides how answers are judged.')
    }
    if (name === 'content-type' && headers.has(name)) throw new Misuse('Give one Content-Type.')
    const value = line.slice(colon + 1).trim()
    // `Headers` lets control characters through, and would tell a value, which may be a secret.
    if (!TOKEN.test(name) || !VALUE.test(value)) {
      throw new Misuse(`--header: the name or the value of '${printable(name)}' cannot be sent.`)
    }
    headers.append(name, value)
  }
  return headers
}

function printable(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 40)
}
