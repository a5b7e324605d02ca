/**
 * Exchanges in words, for reports.
 */
import type { RawEnding } from '../testing/raw-http.js'
import type { RawResponse } from '../testing/raw-response.js'
import type { Exchange, Sent } from './wire.js'

const CONTENT_LIMIT_CHARS = 600
const HEAD_LIMIT_CHARS = 8_000
const HIDDEN = '(left out)'

const ENDINGS: Readonly<Record<RawEnding, string>> = {
  complete: 'a whole answer',
  closed: 'the connection was closed without a whole answer',
  reset: 'the connection was reset without a whole answer',
  refused: 'no connection was accepted',
  timeout: 'no whole answer came in time',
  left: 'we left',
  malformed: 'what came is not HTTP/1.1',
  'too-long': 'the answer had no end',
}

/** Where the code of an error says more than how it ended. */
const CAUSES: readonly (readonly [code: RegExp, words: string])[] = [
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'there is no host of that name'],
  [/CERT|SELF_SIGNED/, 'its certificate is not trusted, see --ca'],
  [/^(?:ERR_SSL_|EPROTO)/, 'what is there does not speak TLS with us: is it http?'],
  [/^ERR_HTTP2_(?:SESSION_)?ERROR$/, 'what came is not HTTP/2'],
]

/** How an exchange ended, in a few words. */
export function describe(exchange: Exchange): string {
  const { sent, response } = exchange
  const what = `${sent.method} ${shortened(sent.target)}`
  if (response === null) return `${what}: ${unanswered(exchange)}`
  return `${what} was answered ${response.status}`
}

function unanswered({ ended, code }: Exchange): string {
  if (code === null) return ENDINGS[ended]
  const cause = CAUSES.find(([pattern]) => pattern.test(code))
  return `${cause?.[1] ?? ENDINGS[ended]} (${code})`
}

/**
 * An exchange as it went over the wire, with content cut short.
 *
 * @param exchange - what to show
 * @param secrets - names of fields, in small letters, whose values are left out
 */
export function transcript(exchange: Exchange, secrets: ReadonlySet<string>): string {
  const { sent, response } = exchange
  const answer = response === null ? `(${unanswered(exchange)})` : answerText(response)
  return readable(`${requestText(sent, secrets)}\n\n${answer}`)
}

function requestText({ method, target, url, fields, body }: Sent, secrets: ReadonlySet<string>) {
  const lines = fields.map(([name, value]) => {
    return `${name}: ${secrets.has(name.toLowerCase()) ? HIDDEN : value}`
  })
  const head = headText([`${method} ${target} HTTP/1.1`, `Host: ${url.host}`, ...lines])
  return body === null || body.length === 0 ? head : `${head}\n\n${contentText(body)}`
}

function answerText({ version, status, reason, fields, body }: RawResponse): string {
  const lines = fields.map(({ name, value }) => {
    return `${name}: ${/^set-cookie$/i.test(name) ? HIDDEN : value}`
  })
  const head = headText([`HTTP/${version} ${status} ${reason}`.trimEnd(), ...lines])
  return body.length === 0 ? head : `${head}\n\n${contentText(body)}`
}

/** What a terminal would obey, controls and changes of direction, becomes dots; lines stay. */
export function readable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, '.')
}

function headText(lines: readonly string[]): string {
  return cutShort(lines.join('\n'), HEAD_LIMIT_CHARS)
}

/** As much of a text as anybody reads: a report has it many times. */
export function cutShort(text: string, limitChars = 2_000): string {
  const { length } = text
  return length > limitChars ? `${text.slice(0, limitChars)}... (${length} characters)` : text
}

function contentText(body: Buffer): string {
  const text = body.toString('utf8', 0, CONTENT_LIMIT_CHARS)
  return body.length > CONTENT_LIMIT_CHARS ? `${text}... (${body.length} bytes)` : text
}

function shortened(target: string): string {
  return target.length > 100 ? `${target.slice(0, 97)}...` : target
}
