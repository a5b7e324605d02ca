import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { readLinks } from '../../../lib/client/read-links.js'
import {
  POE_LINKS_LIMIT_CHARS,
  POE_LINKS_LIMIT_MEMBERS,
  type PoeLinkDropReason,
  parsePoeLinks,
} from '../../../lib/protocols/poe/links.js'
import { isPoeUri } from '../../../lib/protocols/poe/uri.js'

type Reason = PoeLinkDropReason

const references = (value: string | null | undefined, strict = false) =>
  parsePoeLinks(value, { strict }).links.map(link => link.reference)
const reasons = (value: string, strict = false) =>
  parsePoeLinks(value, { strict }).dropped.map(member => member.reason)

const CONFORMING: readonly (readonly [id: string, value: string, links: readonly string[]])[] = [
  ['POE-3-4', '"/a,b", "/c"', ['/a,b', '/c']],
  ['POE-3-4', '"/a,b", "/c?x=1,2"', ['/a,b', '/c?x=1,2']],
  ['POE-3-4', '"/a;b=c","/d=e"', ['/a;b=c', '/d=e']],
  ['POE-3-4', '"/,",","', ['/,', ',']],
  ['POE-3-6', '"/a", "/b", "/c"', ['/a', '/b', '/c']],
  ['POE-3-6', ' "/a"\t,\t"/b" ', ['/a', '/b']],
  ['POE-3-7', '"http://other.example/p"', ['http://other.example/p']],
  ['POE-3-7', '"//other.example/q"', ['//other.example/q']],
  ['POE-3-7', '"/p", "p/q", "./p", "../p", "?q", ""', ['/p', 'p/q', './p', '../p', '?q', '']],
  ['POE-3-7', '"rel?y", "urn:a:b", "p/a:b"', ['rel?y', 'urn:a:b', 'p/a:b']],
  ['POE-3-14', '"/b", "/a", "/b"', ['/b', '/a', '/b']],
]

const DEVIATING: readonly (readonly [
  id: string,
  value: string,
  links: readonly string[],
  dropped: readonly Reason[],
])[] = [
  ['POE-3-2', '"/g#frag", "/a"', ['/g', '/a'], []],
  ['POE-3-2', '"#x", "/a"', ['/a'], ['fragment']],
  ['POE-3-2', '"/g#a b", "/a"', ['/a'], ['invalid']],
  ['POE-3-2', '"/ g#a", "/a"', ['/a'], ['invalid']],
  ['POE-3-2', '/g#frag, "/a"', ['/a'], ['fragment']],
  ['POE-3-3', '', [], []],
  ['POE-3-3', ',', [], []],
  ['POE-3-3', ' , ,', [], []],
  ['POE-3-5', '"/d\\"e" ,, "/f"', ['/f'], ['broken']],
  ['POE-3-5', '"/a\\b", "/a b", "/a\u0001", "/f"', ['/f'], ['invalid', 'invalid', 'invalid']],
  ['POE-3-5', '"/\u00fc", "/a<b>", "/a%zz", "/f"', ['/f'], ['invalid', 'invalid', 'invalid']],
  ['POE-3-5', '"/a", "/h', ['/a'], ['unterminated']],
  ['POE-3-5', '"/a", "/h ; bare /i', ['/a'], ['unterminated']],
  ['POE-3-5', '"/a", "/h, /i', ['/a'], ['unterminated']],
  ['POE-3-6', '"/a", "/h, "/b", "/c"', ['/a', '/b', '/c'], ['broken']],
  ['POE-3-6', '"/h,"/b"', ['/b'], ['broken']],
  ['POE-3-6', '"/h,\t\t"/b"', ['/b'], ['broken']],
  ['CL-15', '"/a" "/b", "/c"', ['/c'], ['broken']],
  ['CL-15', '"/a"; rel=x, "/c"', ['/c'], ['broken']],
  ['CL-15', '"/x"y,/evil,z, "/c"', ['/c'], ['broken']],
  ['CL-15', 'foo "/x,/evil,y", "/c"', ['/c'], ['broken']],
  ['CL-15', '/a", "/c"', ['/c'], ['broken']],
  ['CL-15', '/a"b', [], ['broken']],
  ['CL-15', 'bare /i, "/f"', ['/f'], ['invalid']],
  ['POE-3-7', '"1:b", ":b", "http:b", "///b", "/f"', ['/f'], Array(4).fill('invalid')],
  ['POE-3-13', '/orders/1', ['/orders/1'], []],
  ['POE-3-13', 'http://shop.example/o?id=4f', ['http://shop.example/o?id=4f'], []],
  ['POE-3-13', '/a, /b', ['/a', '/b'], []],
  ['POE-3-13', '"/a", /b ,c', ['/a', '/b', 'c'], []],
  ['POE-3-13', '</a>; rel=x, /b', ['/b'], ['invalid']],
  ['POE-3-16', '"/a", ,"/b",', ['/a', '/b'], []],
  ['POE-3-16', '"/a", , / b', ['/a'], ['invalid']],
]

describe('reading POE-Links', () => {
  for (const [id, value, links] of CONFORMING) {
    it(`[${id}] ${value} conforms`, () => {
      for (const strict of [false, true]) {
        const reading = parsePoeLinks(value, { strict })
        expect(reading.links).to.deep.equal(
          links.map(reference => ({ reference, deviation: 'none' })),
        )
        expect(reading).to.deep.include({ conforms: true, dropped: [], emptyMembers: 0 })
      }
    })
  }

  for (const [id, value, links, dropped] of DEVIATING) {
    it(`[${id}] ${value || 'an empty value'} gives what is valid in it`, () => {
      expect(references(value)).to.deep.equal(links)
      expect(reasons(value)).to.deep.equal(dropped)
      expect(parsePoeLinks(value).conforms).to.equal(false)
      expect(parsePoeLinks(value, { strict: true }).conforms).to.equal(false)
    })
  }

  it('[POE-3-3] no field: no links, nothing wrong', () => {
    for (const value of [null, undefined]) {
      expect(parsePoeLinks(value)).to.deep.equal({
        links: [],
        dropped: [],
        emptyMembers: 0,
        truncated: false,
        conforms: true,
      })
    }
  })

  it('[POE-3-13] flags what came unquoted, and what lost its fragment', () => {
    expect(parsePoeLinks('/a, "/b", "/c#d"').links).to.deep.equal([
      { reference: '/a', deviation: 'unquoted' },
      { reference: '/b', deviation: 'none' },
      { reference: '/c', deviation: 'fragment' },
    ])
  })

  it('[POE-3-16] counts empty members', () => {
    expect(parsePoeLinks('"/a", ,"/b",').emptyMembers).to.equal(2)
    expect(parsePoeLinks('').emptyMembers).to.equal(1)
    expect(references('"/a", ,"/b",', true)).to.deep.equal(['/a', '/b'])
  })

  it('[POE-3-13] [POE-3-2] strict reading drops unquoted members and those with a fragment', () => {
    expect(references('"/a", /b, "/c#d"', true)).to.deep.equal(['/a'])
    expect(reasons('"/a", /b, "/c#d"', true)).to.deep.equal(['unquoted', 'fragment'])
  })

  it('[POE-3-5] strict reading ignores the whole field where quotes do not pair up', () => {
    for (const value of ['"/a", "/h', '"/a", "/d\\"e"', '"/a" "/b", "/c"']) {
      expect(references(value, true), value).to.deep.equal([])
    }
  })

  it('[CL-15] the text of a dropped member is kept, up to 200 characters', () => {
    const [short, long] = parsePoeLinks(`"/a b", "/ ${'x'.repeat(300)}"`).dropped
    expect(short?.text).to.equal('/a b')
    expect(long?.text).to.have.length(200)
  })

  it('[CL-15] never throws; each link that it gives was in the value', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'",\\/a#?%: \t\u00fc') }),
    )
    fc.assert(
      fc.property(value, fc.boolean(), (text, strict) => {
        for (const { reference, deviation } of parsePoeLinks(text, { strict }).links) {
          expect(text).to.include(deviation === 'none' ? `"${reference}"` : reference)
          if (strict) expect(deviation).to.equal('none')
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('[CL-15] a broken member costs none before it, and none after the next `, "`', () => {
    const junk = fc.string({ unit: fc.constantFrom(...'",\\/a# ') })
    fc.assert(
      fc.property(junk, middle => {
        const found = references(`"/first", ${middle}, "/y", "/z"`)
        expect(found[0]).to.equal('/first')
        expect(found.at(-1)).to.equal('/z')
      }),
      { numRuns: 5_000 },
    )
  })
})

interface Vector {
  readonly field: string
  readonly links: readonly string[]
  readonly strict: boolean
}

describe('the vectors of the successor text', () => {
  const text = readFileSync(
    new URL('../../../spec-notes/draft-poe-bis.md', import.meta.url),
    'utf8',
  )
  const [, block = '[]'] = /^```json\n([\s\S]*?)^```$/m.exec(text) ?? []
  const vectors = JSON.parse(block) as readonly Vector[]

  it('are there', () => expect(vectors).to.have.length.of.at.least(15))

  for (const { field, links, strict } of vectors) {
    it(`[POE-3-4, POE-3-5, POE-3-7] ${field || 'an empty value'}`, () => {
      expect(references(field)).to.deep.equal(links)
      expect(parsePoeLinks(field).conforms).to.equal(strict)
    })
    it(`[POE-3-5] ${field || 'an empty value'}, by the small parser of browsers`, () => {
      const base = new URL('http://shop.example/page?step=1')
      const found = readLinks({ headers: new Headers({ 'POE-Links': encodable(field) }) }, base)
      const whole = links.map(link => new URL(link, base).href)
      expect(whole).to.include.members(found.map(({ href }) => href))
      if (strict) expect(found.map(({ href }) => href)).to.deep.equal(whole)
    })
  }
})

/** As `Headers` holds it: a byte for each character. */
function encodable(field: string): string {
  return Buffer.from(field, 'utf8').toString('latin1')
}

describe('limits in reading POE-Links', () => {
  it('[POE-3-15] reads so many members and says that there was more', () => {
    const full = parsePoeLinks(Array(POE_LINKS_LIMIT_MEMBERS).fill('"/a"').join(','))
    expect(full.links).to.have.length(POE_LINKS_LIMIT_MEMBERS)
    expect(full).to.deep.include({ truncated: false, conforms: true })
    const more = parsePoeLinks(
      Array(POE_LINKS_LIMIT_MEMBERS + 1)
        .fill('"/a"')
        .join(','),
    )
    expect(more.links).to.have.length(POE_LINKS_LIMIT_MEMBERS)
    expect(more).to.deep.include({ truncated: true, conforms: false })
    const mixed = parsePoeLinks('"/a", / b,'.repeat(POE_LINKS_LIMIT_MEMBERS / 2))
    expect(mixed.dropped).to.have.length(POE_LINKS_LIMIT_MEMBERS / 2)
    expect(mixed.truncated, 'one empty member is left').to.equal(true)
  })

  it('[POE-3-15] reads so many characters, and makes no link of a member cut in two', () => {
    const room = POE_LINKS_LIMIT_CHARS - '"/a", '.length
    for (const last of [`/${'b'.repeat(room)}`, `"/${'b'.repeat(room - 3)}"c`]) {
      const reading = parsePoeLinks(`"/a", ${last}`)
      expect(reading.links).to.deep.equal([{ reference: '/a', deviation: 'none' }])
      expect(reading.dropped.map(member => member.reason)).to.deep.equal(['cut'])
      expect(reading.truncated).to.equal(true)
    }
    const fits = parsePoeLinks(`"/a", "/${'b'.repeat(room - 3)}"`)
    expect(fits.links).to.have.length(2)
    expect(fits.truncated).to.equal(false)
  })

  const size = POE_LINKS_LIMIT_CHARS
  const hostile = [
    '"'.repeat(size),
    ','.repeat(size),
    ' '.repeat(size),
    '" '.repeat(size / 2),
    ', '.repeat(size / 2),
    ',"'.repeat(size / 2),
    'a,'.repeat(size / 2),
    '"a,'.repeat(size / 3),
    `"${' '.repeat(size / 2)}a`.padEnd(size, '"'),
    `,${' '.repeat(size / 2)}`.padEnd(size, '"a'),
    '%'.repeat(size),
    `//${'a@'.repeat(size / 2)}`.slice(0, size),
    `${'a:'.repeat(size / 2)}`,
    `"//[${':'.repeat(size - 10)}"`,
    '"a" '.repeat(size / 4),
  ]
  it('[CL-15] a reference with a fragment is refused at once, however long', () => {
    expect(isPoeUri(`//${'a'.repeat(400_000)}#`)).to.equal(false)
  })

  for (const [index, value] of hostile.entries()) {
    it(`[CL-15] hostile value ${index} is read in linear time`, function () {
      this.timeout(20_000)
      parsePoeLinks(value)
      parsePoeLinks(value + value)
    })
  }
})
