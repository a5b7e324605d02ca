/** JSON Pointer: the examples of its RFC, and what is not there. */
import { expect } from 'chai'
import fc from 'fast-check'
import { atPointer } from '../../lib/protocols/json-pointer.js'

/** RFC 6901 5 */
const DOCUMENT = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
}

describe('JSON Pointer', () => {
  for (const [pointer, value] of [
    ['', DOCUMENT],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ] as const) {
    it(`${JSON.stringify(pointer)} is ${JSON.stringify(value).slice(0, 20)}`, () => {
      expect(atPointer(DOCUMENT, pointer)).to.deep.equal(value)
    })
  }

  it('what is not there is undefined, and nothing inherited is there', () => {
    for (const pointer of [
      '0foo',
      '#/foo',
      '/bar',
      '/foo/2',
      '/foo/-',
      '/foo/00',
      '/foo/-1',
      '/foo/length',
      '/foo/0/length',
      '/foo/0/0',
      '/toString',
      '/__proto__',
      '/foo/map',
      '/a/b',
    ]) {
      expect(atPointer(DOCUMENT, pointer), pointer).to.equal(undefined)
    }
    for (const value of [null, 'text', 7, true]) {
      expect(atPointer(value, '/0')).to.equal(undefined)
    }
  })

  it('~01 is ~1, and null is a value', () => {
    expect(atPointer({ '~1': 'a', '/': 'b' }, '/~01')).to.equal('a')
    expect(atPointer({ a: null }, '/a')).to.equal(null)
    expect(atPointer(JSON.parse('{"__proto__":{"a":1}}'), '/__proto__/a')).to.equal(1)
    expect(atPointer({ length: 3 }, '/length')).to.equal(3)
  })

  it('finds every member by its escaped name', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (outer, inner) => {
        const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')
        const value = JSON.parse(JSON.stringify({ [outer]: { [inner]: 1 } })) as unknown
        expect(atPointer(value, `/${escaped(outer)}/${escaped(inner)}`)).to.equal(1)
      }),
    )
  })
})
