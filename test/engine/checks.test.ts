import { expect } from 'chai'
import {
  checkMembers,
  checkNumber,
  checkText,
  describe as named,
  wholeNumber,
} from '../../lib/engine/checks.js'

describe('what is asked of arguments', () => {
  it('a member that nobody knows, or no object at all, is refused by name', () => {
    for (const good of [{}, { a: 1 }, { b: undefined, a: null }]) {
      expect(() => checkMembers('It', good, ['a', 'b'])).not.to.throw()
    }
    for (const [value, name] of [
      [null, 'null'],
      [undefined, 'undefined'],
      ['text', '"text"'],
      [7, '7'],
      [() => {}, 'a function'],
      [[], 'an array'],
    ]) {
      const told = `It must be an object, got ${name}`
      expect(() => checkMembers('It', value, ['a', 'length'])).to.throw(TypeError, told)
    }
    const told = 'It has no member "c"; known are a, b'
    expect(() => checkMembers('It', { a: 1, c: 2 }, ['a', 'b'])).to.throw(TypeError, told)
  })

  it('a number may be either bound, and nothing beyond', () => {
    for (const good of [2, 2.5, 9]) {
      expect(() => checkNumber('f()', 'n', good, 2, 9)).not.to.throw()
    }
    for (const bad of [1.9, 9.1, Number.NaN, Number.POSITIVE_INFINITY, '5', null, undefined]) {
      const told = 'f(): n must be a number from 2 to 9'
      expect(() => checkNumber('f()', 'n', bad, 2, 9), String(bad)).to.throw(RangeError, told)
    }
  })

  it('a whole number may be either bound; left out, it is the default', () => {
    for (const [value, read] of [
      [undefined, 5],
      [2, 2],
      [9, 9],
    ]) {
      expect(wholeNumber('f()', 'n', value, 5, 2, 9)).to.equal(read)
    }
    expect(wholeNumber('f()', 'n', 2 ** 53 - 1, 5, 2)).to.equal(2 ** 53 - 1)
    for (const [value, error, told] of [
      [2.5, TypeError, 'whole number, got 2.5'],
      ['5', TypeError, 'whole number, got "5"'],
      [null, TypeError, 'whole number, got null'],
      [2 ** 53, TypeError, 'whole number'],
      [1, RangeError, 'at least 2, got 1'],
      [10, RangeError, 'at most 9, got 10'],
    ] as const) {
      const read = () => wholeNumber('f()', 'n', value, 5, 2, 9)
      expect(read, String(value)).to.throw(error, told)
    }
  })

  it('a text is a string that is not empty', () => {
    expect(() => checkText('f()', 'key', ' ')).not.to.throw()
    for (const [value, name] of [
      ['', '""'],
      [7, '7'],
      [null, 'null'],
    ]) {
      const told = `f(): key must be a string that is not empty, got ${name}`
      expect(() => checkText('f()', 'key', value)).to.throw(TypeError, told)
    }
  })

  it('a value is named without its content', () => {
    const long = 'x'.repeat(61)
    for (const [value, name] of [
      [null, 'null'],
      [undefined, 'undefined'],
      [[1, 2], 'an array'],
      [0, '0'],
      [false, 'false'],
      [true, 'true'],
      ['a"b', '"a\\"b"'],
      [long, `"${long.slice(1)}"`],
      [{ secret: 1 }, 'an object'],
      [() => {}, 'a function'],
      [Symbol('secret'), 'a symbol'],
      [1n, 'a bigint'],
    ]) {
      expect(named(value)).to.equal(name)
    }
  })
})
