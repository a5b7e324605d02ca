/**
 * What came and went in a scenario, for whoever reads a report. The links are those of the test;
 * logins are the client's own, and are left out.
 */
import { readable } from '../words.js'
import type { Seen } from './scripted-server.js'

const CONTENT_LIMIT_CHARS = 300
const REQUESTS_SHOWN = 20
const LOGINS = /auth|cookie|session|token|secret|password|signature|api-?key/i

/**
 * Writes it.
 *
 * @param seen - the requests, with what was answered
 * @param ending - what the client told
 * @param said - the end of what it printed
 */
export function transcriptOf(seen: readonly Seen[], ending: string, said: string = ''): string {
  const start = seen[0]?.atMs ?? 0
  const shown = seen.slice(0, REQUESTS_SHOWN).map(one => exchangeOf(one, start))
  const more = seen.length - shown.length
  const rest = more > 0 ? [`and ${more} more requests`] : []
  const words = said.trim() === '' ? [] : ['it said:', said.trim()]
  return readable([...shown, ...rest, `the client: ${ending}`, ...words].join('\n'))
}

function exchangeOf({ method, target, fields, body, atMs, answered }: Seen, start: number): string {
  const head = fields.map(([name, value]) => {
    return `${name}: ${LOGINS.test(name) ? '(left out)' : value}`
  })
  const text = body.toString('utf8').slice(0, CONTENT_LIMIT_CHARS)
  const asked = indented([...head, ...(text === '' ? [] : [text])].join('\n'))
  const line = `${Math.round(atMs - start)} ms: ${method} ${target}`
  return [line, asked, `  answered: ${answered.replaceAll('\n', '\n    ')}`].join('\n')
}

function indented(text: string): string {
  return `    ${text.replaceAll('\n', '\n    ')}`
}
