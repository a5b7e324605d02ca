/**
 * The successor text of the draft keeps its own rules: each binding sentence has its rows of the
 * register, and a level that the checks have too; references lead somewhere, the grammar and the
 * examples are sound, and the answers are those of the software. Every check is shown a planted
 * fault.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import {
  CLIENT_REQUIREMENTS,
  DOOR_CHECKS,
  REQUIREMENTS,
  SCENARIOS,
} from 'post-once-exactly/conformance'
import type { Problem } from '../lib/answers/answer.js'
import { LINK_REFUSALS } from '../lib/answers/refusals.js'
import { parsePoeLinks } from '../lib/protocols/poe/index.js'
import { rowsIn } from '../scripts/register.js'
import { type Cell, STATES, type StateRow } from './support/states.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8')
const TEXT = read('spec-notes/draft-poe-bis.md')
const BLACK_BOX = read('spec-notes/black-box.md')
const LEVELS = new Map(
  rowsIn({ path: 'requirements.md', text: read('spec-notes/requirements.md') }).map(row => [
    row.id,
    row.level ?? '',
  ]),
)

const ID = /(?:POE|H|IK)-[A-Za-z0-9.]+-\d+/
const KEYWORD =
  /\b(?:MUST NOT|MUST|SHALL NOT|SHALL|SHOULD NOT|SHOULD|REQUIRED|RECOMMENDED|MAY|OPTIONAL)\b/g
/** Where the words are explained, and where the predecessor's are told. */
const ABOUT_KEYWORDS = /^(?:2|23)$/
/** How long it may be outside of its code blocks, with all appendices. */
const MOST_WORDS = 6_950
const CORE_RULES = new Set(['ALPHA', 'BIT', 'CHAR', 'CR', 'CRLF', 'CTL', 'DIGIT', 'DQUOTE'])

interface Section {
  readonly heading: string
  /** `null` in front of the first one. */
  readonly number: string | null
  readonly text: string
}

/** A binding word of a section, and the ids of its sentences: a row for each word. */
interface Bound {
  readonly section: string
  readonly word: string
  /** For each sentence its ids. */
  readonly sentences: readonly (readonly string[])[]
}

const CHECKS: readonly (readonly [title: string, faults: (text: string) => string[]])[] = [
  ['each binding word of a section has its ids', bareWords],
  ['each id is in the register', unknownIds],
  ['each id is one that the conformance suite asks for, or the notes say why not', unaskedIds],
  ['each demanded POE row of the register binds somebody', missingIds],
  ['what every check lets pass with a warning is no MUST', unlikeChecks],
  ['it is short enough', tooLong],
  ['sections are numbered without gaps', wrongHeadings],
  ['each section that is named exists', brokenSections],
  ['references are cited and cited ones are listed', brokenReferences],
  ['the grammar defines each rule that it uses', brokenGrammar],
  ['the examples are messages with the right length and fields', brokenExamples],
  ['the problem types are those of the software', wrongProblemTypes],
  ['each answer of the software is in the table of states', missingAnswers],
]

describe('spec-notes/draft-poe-bis.md', () => {
  for (const [title, faults] of CHECKS) {
    it(title, () => expect(faults(TEXT)).to.deep.equal([]))
  }

  it('has enough of everything that is checked', () => {
    const sentences = boundIn(TEXT).flatMap(({ sentences }) => sentences)
    expect(sentences).to.have.length.above(100)
    expect(blocksIn(TEXT, 'http')).to.have.length.above(25)
    expect(blocksIn(TEXT, 'abnf')).to.have.lengthOf(2)
    expect(tableBelow(TEXT, '5.1. The Table')).to.have.length.above(9)
    expect(TEXT).to.include('it has not been submitted')
  })
})

describe('each check of the text catches a planted fault', () => {
  const planted: readonly (readonly [check: RegExp, from: string | RegExp, to: string])[] = [
    [/binding word/, 'MUST NOT: POE-2-1;', 'MUST NOT: POE-2-1, POE-2-2;'],
    [/binding word/, 'the server MUST NOT give any other', 'the server MAY give any other'],
    [/binding word/, '| SHOULD be 405 `used` |', '| MUST be 405 `used` |'],
    [/binding word/, /\| 6\.3 \| .*\n/, ''],
    [/id is in the register/, 'MUST NOT: POE-2-1;', 'MUST NOT: POE-2-99;'],
    [/suite asks for/, 'MUST NOT: POE-2-1;', 'MUST NOT: IK-2.7-1;'],
    [/demanded POE row/, /, POE-2-12\b|POE-2-12; /g, ''],
    [/warning is no MUST/, 'SHOULD: H-PROB-1', 'MUST: H-PROB-1'],
    [/short enough/, 'A client', 'A client '.repeat(500)],
    [/numbered/, '### 7.2. After', '### 7.4. After'],
    [/numbered/, '## Appendix B. ', '## Appendix D. '],
    [/section that is named/, 'Section 14.6)', 'Section 14.66)'],
    [/section that is named/, 'Appendix A.9 ', 'Appendix A.19 '],
    [/references/, '- [RFC8470] Early', '- [RFC8471] Early'],
    [/references/, /\[RFC9213\](?! Targeted)/g, 'that RFC'],
    [/references/, 'query, see [RFC3986]', 'query, see [RFC3987]'],
    [/grammar/, 'DQUOTE POE-URI DQUOTE', 'DQUOTE POE-URL DQUOTE'],
    [/grammar/, '1*DIGIT', '1*DIGITS'],
    [/grammar/, '[ "?" query ]', '[ "?" query'],
    [/grammar/, 'absolute-URI / (', 'absolute-URI / / ('],
    [/examples/, 'Content-Length: 21', 'Content-Length: 22'],
    [/examples/, '"status": 422', '"status": 423'],
    [/examples/, 'POE-Links: "/orders/once/p3Zt8bLw"', 'POE-Links: /orders/once/p3Zt8bLw'],
    [/examples/, 'HTTP/1.1 409 Conflict\n', 'HTTP/1.1 409 Conflict\nnonsense\n'],
    [/examples/, 'Allow: GET, HEAD, OPTIONS', 'Allow: GET, POST'],
    [/examples/, 'Cache-Control: no-store\n', ''],
    [/problem types/, 'problem:expired` | 410 |', 'problem:expired` | 404 |'],
    [/problem types/, 'problem:running`', 'problem:busy`'],
    [
      /answer of the software/,
      'SHOULD be 410 `expired` | 410 `expired` |',
      'SHOULD be 410 `expired` | 404 |',
    ],
    [/answer of the software/, '405 `unspent` | POST, OPTIONS', '405 `unspent` | GET, POST'],
  ]

  for (const [check, from, to] of planted) {
    it(`${check.source}: ${String(from).trim()} -> ${to.trim() || 'nothing'}`, () => {
      const [found, ...more] = CHECKS.filter(([title]) => check.test(title))
      if (found === undefined || more.length > 0) throw new Error(`no single check is ${check}`)
      const text = TEXT.replace(from, to)
      expect(text, 'the fault is planted').to.not.equal(TEXT)
      expect(found[1](text)).to.not.deep.equal([])
    })
  }

  it('has a planted fault for every check', () => {
    const bare = CHECKS.filter(([title]) => !planted.some(([check]) => check.test(title)))
    expect(bare.map(([title]) => title)).to.deep.equal([])
  })
})

function bareWords(text: string): string[] {
  const listed = boundIn(text).map(
    ({ section, word, sentences }) => `${section}: ${sentences.length} ${word}`,
  )
  const found = sectionsIn(text).flatMap(({ number, text: part }) => {
    if (number === null || ABOUT_KEYWORDS.test(number)) return []
    const words: string[] = part.replaceAll(/\s+/g, ' ').match(KEYWORD) ?? []
    return [...new Set(words)].map(word => {
      return `${number}: ${words.filter(one => one === word).length} ${word}`
    })
  })
  return difference(
    listed.filter(one => !one.endsWith(' says')),
    found,
  )
}

function unknownIds(text: string): string[] {
  const cited = text.match(new RegExp(ID, 'g')) ?? []
  return cited.filter(id => !LEVELS.has(id))
}

/** Ids that no check is of and `black-box.md` gives no reason for, or has a reason in vain. */
function unaskedIds(text: string): string[] {
  const dark = new Set(
    [...BLACK_BOX.matchAll(/^\| ((?:POE|H|IK)-\S+) \|/gm)].map(([, id = '']) => id),
  )
  const isAsked = (id: string) => REQUIREMENTS.has(id) || CLIENT_REQUIREMENTS.has(id)
  const named = [...wordsIn(text).keys()]
  return [
    ...named.filter(id => !isAsked(id) && !dark.has(id)),
    ...[...dark].filter(id => isAsked(id)),
  ]
}

function missingIds(text: string): string[] {
  const bound = wordsIn(text)
  return [...LEVELS]
    .filter(([id, level]) => id.startsWith('POE-') && /MUST|SHOULD|^should$/.test(level))
    .map(([id]) => id)
    .filter(id => !bound.has(id))
}

/** Warnings are for what is not demanded. */
function unlikeChecks(text: string): string[] {
  const checks = [...DOOR_CHECKS.poe, ...SCENARIOS.flatMap(one => one.checks)]
  return [...wordsIn(text)].flatMap(([id, words]) => {
    const own = checks.filter(check => check.id.startsWith(`${id}/`))
    if (own.length === 0) return []
    const isDemanded = [...words].every(word => word.startsWith('MUST'))
    return isDemanded && own.every(({ warns }) => warns === true) ? [`${id} only warns`] : []
  })
}

/** For each id the words of its sentences. */
function wordsIn(text: string): Map<string, Set<string>> {
  const words = new Map<string, Set<string>>()
  for (const { word, sentences } of boundIn(text)) {
    if (word === 'says') continue
    for (const id of sentences.flat()) words.set(id, (words.get(id) ?? new Set()).add(word))
  }
  return words
}

function tooLong(text: string): string[] {
  const words = withoutBlocks(text)
    .split(/\s+/)
    .filter(word => /[\p{L}\p{N}]/u.test(word))
  return words.length < MOST_WORDS ? [] : [`${words.length} words`]
}

/** The appendix that has the ids of each section, and of its binding words. */
function boundIn(text: string): Bound[] {
  return tableBelow(text, 'Appendix C. Ids').flatMap(([section = '', cell = '']) =>
    cell.split('; ').map(part => {
      const [word = '', ids = ''] = part.split(': ')
      return { section, word, sentences: ids.split(', ').map(one => one.split('+')) }
    }),
  )
}

function wrongHeadings(text: string): string[] {
  const numbers = sectionsIn(text).flatMap(({ number }) => number ?? [])
  return numbers.slice(1).filter((number, index) => {
    const parts = (numbers[index] ?? '').split('.')
    const next = parts.map((part, at) => [...parts.slice(0, at), after(part)].join('.'))
    return ![...next, [...parts, 1].join('.'), 'A'].includes(number)
  })
}

function after(part: string): string {
  return /^\d/.test(part) ? String(Number(part) + 1) : String.fromCharCode(part.charCodeAt(0) + 1)
}

function brokenSections(text: string): string[] {
  const known = new Set(['C', ...sectionsIn(text).map(({ number }) => number)])
  const flat = withoutBlocks(text).replace(/\s+/g, ' ')
  const named = /(?:Section|Appendix) ([\dA-C](?:\d?)(?:\.\d+)*)(?! of \[)(?![\d.]*\d)/g
  const numbers = [...flat.matchAll(named)].map(([, number = '']) => number)
  return numbers.filter(number => !known.has(number))
}

function brokenReferences(text: string): string[] {
  const [body = '', list = ''] = text.split('\n## 24. References')
  const listed = [...list.matchAll(/^- \[([^\]]+)\]/gm)].map(([, name = '']) => name)
  const cited = [...body.matchAll(/\[([A-Z][A-Z0-9-]*)\](?!\()/g)].map(([, name = '']) => name)
  return difference(
    listed,
    [...new Set(cited)].filter(name => !LEVELS.has(name)),
  )
}

function brokenGrammar(text: string): string[] {
  const rules = blocksIn(text, 'abnf')
    .join('\n')
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => /^([A-Za-z][\w-]*) += (.+)$/.exec(line) ?? [line, line, ''])
  const defined = new Set(rules.map(([, name = '']) => name))
  const used = new Set<string>()
  const faults = rules.flatMap(([, name = '', elements = '']) =>
    isAlternation(elements, used) ? [] : [`${name} cannot be read: ${elements}`],
  )
  const unknown = [...used].filter(name => !defined.has(name) && !CORE_RULES.has(name))
  const idle = [...defined].filter(name => !used.has(name))
  return [...faults, ...unknown, ...difference(idle, ['POE-Links', 'POE'])]
}

/** Reads the elements of an ABNF rule, and notes the rules that they use. RFC 5234 4 */
function isAlternation(elements: string, used: Set<string>): boolean {
  if (/^<[\x20-\x3d\x3f-\x7e]+>$/.test(elements)) return true
  const tokens = elements.match(/"[^"]*"|\d*[*#]\d*|[\w-]+|[()[\]/]|\S/g) ?? []
  let at = 0
  const alternation = (): boolean => {
    if (!concatenation()) return false
    while (tokens[at] === '/') {
      at += 1
      if (!concatenation()) return false
    }
    return true
  }
  const concatenation = (): boolean => {
    const start = at
    while (at < tokens.length && !/^[)\]/]$/.test(tokens[at] ?? '')) {
      if (/^\d*[*#]\d*$/.test(tokens[at] ?? '')) at += 1
      if (!element()) return false
    }
    return at > start
  }
  const element = (): boolean => {
    const token = tokens[at] ?? ''
    at += 1
    const close = { '(': ')', '[': ']' }[token]
    if (close !== undefined) {
      const whole = alternation() && tokens[at] === close
      at += 1
      return whole
    }
    if (/^[A-Za-z]/.test(token)) used.add(token)
    return /^(?:"[^"]*"|[A-Za-z][\w-]*)$/.test(token)
  }
  return alternation() && at === tokens.length
}

function brokenExamples(text: string): string[] {
  return blocksIn(text, 'http').flatMap(message => {
    const [head = '', content = ''] = message.replace(/\n$/, '').split(/\n\n([\s\S]*)/)
    const [start = '', ...lines] = head.split('\n')
    const fields = new Map(
      lines.map(line => {
        const [, name = '', value = ''] = /^([\w-]+): (\S.*)$/.exec(line) ?? []
        return [name, value] as const
      }),
    )
    const fault = fields.has('') ? 'a line is no field' : faultOf(start, fields, content)
    return fault === null ? [] : [`${start}: ${fault}`]
  })
}

function faultOf(
  start: string,
  fields: ReadonlyMap<string, string>,
  content: string,
): string | null {
  const status = Number(/^HTTP\/1\.1 (\d{3}) \S/.exec(start)?.[1] ?? 0)
  const type = fields.get('Content-Type') ?? ''
  if (status === 0 && !/^(?:GET|HEAD|OPTIONS|POST) \/\S* HTTP\/1\.1$/.test(start)) {
    return 'no start line'
  }
  if (Number(fields.get('Content-Length') ?? 0) !== Buffer.byteLength(content)) {
    return `Content-Length is ${Buffer.byteLength(content)}`
  }
  if (type.endsWith('json')) {
    const { status: told = status } = JSON.parse(content) as { status?: number }
    if (type === 'application/problem+json' && told !== status) return 'the status differs'
  }
  const links = fields.get('POE-Links')
  if (links !== undefined && !parsePoeLinks(links, { strict: true }).conforms) return 'POE-Links'
  if (status === 0) return null
  const isUsed = content.includes('problem:used') || status === 201 || status === 303
  const allow = fields.get('Allow') ?? 'none'
  if (isUsed && /\bPOST\b/.test(allow)) return `Allow: ${allow}`
  if (fields.has('Access-Control-Allow-Methods')) return null
  const isPage = links !== undefined && status < 400
  const caching = isPage ? 'private, no-cache' : 'no-store'
  return fields.get('Cache-Control') === caching ? null : `Cache-Control is not ${caching}`
}

/** A type that is told is one of the software, with its status and title. */
function wrongProblemTypes(text: string): string[] {
  const statuses = new Map(
    STATES.flatMap(({ POST, GET }) => [POST, GET]).map(c => [c.type, c.status]),
  )
  const told = tableBelow(text, '20.3. Problem Types')
  const names = told.map(
    ([uri = '']) => /^`urn:post-once-exactly:problem:(.+)`$/.exec(uri)?.[1] ?? uri,
  )
  const wrong = told.filter(([, status, title], index) => {
    const name = names[index] ?? ''
    const known = LINK_REFUSALS[name as keyof typeof LINK_REFUSALS] as Problem | undefined
    return known?.status !== Number(status) || known.title !== title
  })
  const missing = [...statuses].filter(
    ([type, status]) => type !== undefined && status >= 400 && !names.includes(type),
  )
  return [...wrong.map(row => row.join(' | ')), ...missing.map(([type]) => `not told: ${type}`)]
}

function missingAnswers(text: string): string[] {
  const table = tableBelow(text, '5.1. The Table')
  return STATES.flatMap(row =>
    table.some(([, post = '', get = '', allow]) => answers(row, post, get, allow))
      ? []
      : [`no row tells of: ${row.title}`],
  )
}

function answers(row: StateRow, post: string, get: string, allow: string | undefined): boolean {
  const isProcessed = row.POST.status === 201 && post.startsWith('processed')
  return (
    allow === (row.allow ?? 'none') && (isProcessed || tells(post, row.POST)) && tells(get, row.GET)
  )
}

function tells(told: string, { status, type }: Cell): boolean {
  return told.includes(type === undefined ? String(status) : `${status} \`${type}\``)
}

function sectionsIn(text: string): Section[] {
  return withoutBlocks(text)
    .split(/^#{1,3} /m)
    .slice(1)
    .map(part => {
      const [heading = '', ...lines] = part.split('\n')
      const number = /^(?:Appendix )?(\d+(?:\.\d+)*|[A-C](?:\.\d+)*)\. /.exec(heading)?.[1] ?? null
      return { heading, number, text: lines.join('\n') }
    })
    .filter(({ number }) => number !== 'C')
}

function tableBelow(text: string, heading: string): string[][] {
  const [, rest = ''] = withoutBlocks(text).split(new RegExp(`^#{2,3} ${heading}$`, 'm'))
  return (rest.split(/^#/m)[0] ?? '')
    .split('\n')
    .filter(line => line.startsWith('|'))
    .slice(2)
    .map(line =>
      line
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim()),
    )
}

function blocksIn(text: string, language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...text.matchAll(pattern)].map(([, content = '']) => content)
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '')
}

function difference(first: readonly string[], second: readonly string[]): string[] {
  return [
    ...first.filter(one => !second.includes(one)).map(one => `only on the left: ${one}`),
    ...second.filter(one => !first.includes(one)).map(one => `only on the right: ${one}`),
  ]
}
