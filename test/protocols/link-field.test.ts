/**
 * `Link` fields as servers, frameworks and front servers write them (RFC 8288).
 */
import { expect } from 'chai'
import { readLinkField } from '../../lib/protocols/link-field.js'

type Member = readonly [target: string, params: Readonly<Record<string, string>>]

const READ: readonly (readonly [value: string, members: readonly Member[]])[] = [
  ['', []],
  [' , ,', []],
  ['<>', [['', {}]]],
  ['</a>; rel=x', [['/a', { rel: 'x' }]]],
  ['</a>;REL="x y"\t;\tanchor = "/b"', [['/a', { rel: 'x y', anchor: '/b' }]]],
  [
    '</a,b;c>; rel=x,</d>;rel=y',
    [
      ['/a,b;c', { rel: 'x' }],
      ['/d', { rel: 'y' }],
    ],
  ],
  ['</a>; title="a, \\"b\\"; <c>"; rel=x', [['/a', { title: 'a, "b"; <c>', rel: 'x' }]]],
  ['</a>; rel=x; rel=y', [['/a', { rel: 'x' }]]],
  [
    "</a>; title*=UTF-8''%e2%82%ac%zz; rel=x",
    [['/a', { 'title*': "UTF-8''%e2%82%ac%zz", rel: 'x' }]],
  ],
  ['</a>; rel=start order', [['/a', { rel: 'start order' }]]],
]

const UNREADABLE = [
  'x',
  '/a',
  '</a',
  '</a> x',
  '</a> </b>',
  '</a>; rel="x',
  '</a>; rel="x" y, </b>',
]

function read(value: string): readonly Member[] | undefined {
  return readLinkField(value)?.map(({ target, params }) => [target, Object.fromEntries(params)])
}

describe('a Link field', () => {
  for (const [value, members] of READ) {
    it(`${value || 'nothing'} is read`, () => {
      expect(read(value)).to.deep.equal(members)
    })
  }

  for (const value of UNREADABLE) {
    it(`${value} cannot be read`, () => {
      expect(readLinkField(value)).to.equal(null)
    })
  }

  it('[FALSE-4252] a parameter without a value takes nothing of what comes after it', () => {
    const style = ['/a.css', { rel: 'preload', as: 'style', crossorigin: '' }] as const
    const result = ['/r', { rel: 'x', nopush: '', anchor: '/once/1' }] as const
    expect(
      read('</a.css>; rel=preload; as=style; crossorigin, </r>; rel="x"; nopush; anchor="/once/1"'),
    ).to.deep.equal([style, result])
  })

  it('[FALSE-4252] empty members are passed over', () => {
    expect(read(', </a>; rel=x, ,</b>;; rel=y,')).to.deep.equal([
      ['/a', { rel: 'x' }],
      ['/b', { '': '', rel: 'y' }],
    ])
  })
})
