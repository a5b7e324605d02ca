/**
 * The successor text of the draft keeps its own rules: each binding sentence names its rows of the
 * register, references lead somewhere, the grammar and the examples are sound, and the answers are
 * those of the software. Every check is shown a planted fault.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { CLIENT_REQUIREMENTS, REQUIREMENTS } from 'post-once-exactly/conformance'
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
const IDS = `\\[(${ID.source}(?:, ${ID.source})*)\\]`
const KEYWORD =
  /\b(?:MUST NOT|MUST|SHALL NOT|SHALL|SHOULD NOT|SHOULD|REQUIRED|RECOMMENDED|MAY|OPTIONAL)\b/g
const STRENGTH = ['MAY', 'SHOULD', 'MUST']
/** Where the words are explained, and where the levels of two documents are compared. */
const ABOUT_KEYWORDS = ['2. Conventions', '25.4. Levels']
const CORE_RULES = new Set(['ALPHA', 'BIT', 'CHAR', 'CR', 'CRLF', 'CTL', 'DIGIT', 'DQUOTE'])

interface Section {
  readonly heading: string
  readonly text: string
}

interface Sentence {
  readonly text: string
  readonly keywords: readonly string[]
  readonly ids: readonly string[]
}

const CHECKS: readonly (readonly [title: string, faults: (text: string) => string[]])[] = [
  ['each binding sentence has one keyword and ends with ids', bareSentences],
  ['each id is in the register', unknownIds],
  ['each id is one that the conformance suite asks for, or the notes say why not', unaskedIds],
  ['each demanded POE row of the register is in a binding sentence', missingIds],
  ['the table of levels is the difference between register and text', wrongLevels],
  ['sections are numbered without gaps, and the contents lists them', wrongHeadings],
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
    expect(sentencesIn(TEXT).filter(one => one.keywords.length > 0)).to.have.length.above(90)
    expect(blocksIn(TEXT, 'http')).to.have.length.above(15)
    expect(blocksIn(TEXT, 'abnf')).to.have.lengthOf(2)
    expect(tableBelow(TEXT, '6.1. The Table')).to.have.length.above(9)
    expect(TEXT).to.include('it has not been submitted')
  })
})

describe('each check of the text catches a planted fault', () => {
  const planted: readonly (readonly [check: RegExp, from: string | RegExp, to: string])[] = [
    [/binding sentence has/, ' [POE-2-1]', ''],
    [
      /binding sentence has/,
      'has succeeded, the server MUST NOT',
      'MAY succeed, the server MUST NOT',
    ],
    [/binding sentence has/, '| 404 `unverifiable` |', '| MUST be 404 `unverifiable` |'],
    [/binding sentence has/, 'process. [POE-2-22]', 'process.'],
    [/id is in the register/, ' [POE-2-1]', ' [POE-2-99]'],
    [/suite asks for/, ' [POE-2-1]', ' [IK-2.7-1]'],
    [/demanded POE row/, /,? ?\bPOE-2-12\b/g, ''],
    [/demanded POE row/, 'A client MUST NOT go on for ever.', 'A client does not go on for ever.'],
    [/levels/, '| implied MAY | MAY | POE-1-2 |\n', ''],
    [/levels/, 'SHOULD be answered 405. [POE-2-4]', 'MUST be answered 405. [POE-2-4]'],
    [/numbered/, '### 7.2. Pointing', '### 7.4. Pointing'],
    [/numbered/, '- [9. Undecided](#9-undecided)\n', ''],
    [/section that is named/, 'Section 17.3)', 'Section 17.33)'],
    [/references/, '- [RFC8470] Using', '- [RFC8471] Using'],
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
    [/problem types/, '| `nobody` | 403 |', '| `nobody` | 401 |'],
    [/problem types/, /\| `store-full` .*\n/, ''],
    [/answer of the software/, '| 410 `expired` | 410 `expired` |', '| 410 `expired` | 404 |'],
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

function bareSentences(text: string): string[] {
  const tables = sectionsIn(text)
    .filter(({ heading }) => !ABOUT_KEYWORDS.includes(heading))
    .flatMap(section => section.text.split('\n').filter(line => line.startsWith('|')))
  return [
    ...tables.filter(line => line.match(KEYWORD) !== null),
    ...sentencesIn(text)
      .filter(({ keywords, ids }) => keywords.length > 1 || (keywords.length > 0 && !ids.length))
      .map(sentence => sentence.text),
  ]
}

function unknownIds(text: string): string[] {
  const cited = text.match(new RegExp(ID, 'g')) ?? []
  return cited.filter(id => !LEVELS.has(id))
}

/** There are no exceptions: each demanded row of the draft is about the protocol. */
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

function wrongLevels(text: string): string[] {
  const told = tableBelow(text, '25.4. Levels').flatMap(([register = '', here = '', ids = '']) =>
    ids.split(', ').map(id => `${id}: ${register} -> ${here}`),
  )
  const found = [...wordsIn(text)].flatMap(([id, word]) => {
    const level = LEVELS.get(id) ?? 'unknown'
    return level.replace(' NOT', '') === word ? [] : [`${id}: ${level} -> ${word}`]
  })
  return difference(told, found)
}

/** For each id the strongest word of the sentences that end with it. */
function wordsIn(text: string): Map<string, string> {
  const words = new Map<string, string>()
  for (const { keywords, ids } of sentencesIn(text)) {
    const word = keywords[0]?.replace(' NOT', '')
    if (word === undefined) continue
    for (const id of ids) {
      const before = STRENGTH.indexOf(words.get(id) ?? '')
      if (STRENGTH.indexOf(word) > before) words.set(id, word)
    }
  }
  return words
}

function wrongHeadings(text: string): string[] {
  const headings = sectionsIn(text).map(({ heading }) => heading)
  const numbers = headings.flatMap(heading => /^([\d.]+)\. /.exec(heading)?.[1] ?? [])
  const gaps = numbers.slice(1).filter((number, index) => {
    const parts = (numbers[index] ?? '').split('.').map(Number)
    const next = parts.map((part, at) => [...parts.slice(0, at), part + 1].join('.'))
    return ![...next, [...parts, 1].join('.')].includes(number)
  })
  const top = headings.filter(heading => /^\d+\. /.test(heading))
  const listed = [...text.matchAll(/^- \[(\d+\. .*)\]\(#(.*)\)$/gm)].map(
    ([, heading = '', target = '']) => `${heading} #${target}`,
  )
  return [
    ...gaps,
    ...difference(
      listed,
      top.map(heading => `${heading} #${anchorOf(heading)}`),
    ),
  ]
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}

function brokenSections(text: string): string[] {
  const known = new Set(
    sectionsIn(text).flatMap(({ heading }) => /^([\d.]+)\. /.exec(heading)?.[1] ?? []),
  )
  const flat = proseOf(text).replace(/\s+/g, ' ')
  return [...flat.matchAll(/Section (\d+(?:\.\d+)*)(?! of \[)(?![\d.]*\d)/g)]
    .map(([, number = '']) => number)
    .filter(number => !known.has(number))
}

function brokenReferences(text: string): string[] {
  const [body = '', list = ''] = text.split('\n## 26. References')
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
  if (status === 0 && !/^(?:GET|POST) \/\S* HTTP\/1\.1$/.test(start)) return 'no start line'
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
  const caching = allow === 'none' ? 'private, no-cache' : 'no-store'
  return fields.get('Cache-Control') === caching ? null : `Cache-Control is not ${caching}`
}

function wrongProblemTypes(text: string): string[] {
  const known = Object.values(LINK_REFUSALS)
  const types = known.map(({ type }) => type)
  const told = tableBelow(text, '23.3. Problem Types')
  const statuses = new Map(
    [...STATES.flatMap(row => [row.POST, row.GET])].map(cell => [cell.type, cell.status]),
  )
  const wrong = told.filter(([name = '', status]) => {
    const seen = statuses.get(name.replaceAll('`', '')) ?? statusOf(known, name)
    return seen !== Number(status)
  })
  return [
    ...difference(
      told.map(([name = '']) => name.replaceAll('`', '')),
      types,
    ),
    ...wrong.map(row => row.join(' | ')),
  ]
}

function statusOf(known: readonly Problem[], name: string): number | undefined {
  return known.find(({ type }) => type === name.replaceAll('`', ''))?.status
}

function missingAnswers(text: string): string[] {
  const table = tableBelow(text, '6.1. The Table')
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
      return { heading, text: lines.join('\n') }
    })
}

function sentencesIn(text: string): Sentence[] {
  const pattern = new RegExp(`(.+?(?:[.?!]|$))(?: ${IDS})?(?=\\s|$)`, 'g')
  return sectionsIn(text)
    .filter(({ heading }) => !ABOUT_KEYWORDS.includes(heading))
    .flatMap(section => proseOf(section.text).split(/\n\n+|\n(?=- |\d\. )/))
    .map(paragraph => paragraph.replace(/\s+/g, ' ').trim())
    .flatMap(paragraph => [...paragraph.matchAll(pattern)])
    .map(([whole, sentence = '', ids]) => ({
      text: whole.trim(),
      keywords: sentence.match(KEYWORD) ?? [],
      ids: ids?.split(', ') ?? [],
    }))
}

function tableBelow(text: string, heading: string): string[][] {
  const section = sectionsIn(text).find(one => one.heading === heading)
  return (section?.text.split('\n') ?? [])
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

/** Without code and without tables. */
function proseOf(text: string): string {
  return withoutBlocks(text).replace(/^\|.*$/gm, '')
}

function difference(first: readonly string[], second: readonly string[]): string[] {
  return [
    ...first.filter(one => !second.includes(one)).map(one => `only on the left: ${one}`),
    ...second.filter(one => !first.includes(one)).map(one => `only on the right: ${one}`),
  ]
}
