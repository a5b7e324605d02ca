/** What an order may say, at the limits. */
import { expect } from 'chai'
import { checkOrder, fieldsOf } from './validate.js'

function pointers(body: unknown, isForm = false): readonly string[] {
  const checked = checkOrder(body, isForm)
  return checked.ok ? [] : checked.violations.map(({ pointer }) => pointer)
}

describe('shop: what an order may say', () => {
  it('takes sku of 1 to 64 characters and qty of 1 to 99', () => {
    expect(pointers({ sku: 'x', qty: 1 })).to.deep.equal([])
    expect(pointers({ sku: '\u{1F375}'.repeat(64), qty: 99 })).to.deep.equal([])
    expect(pointers({ sku: 'x'.repeat(65), qty: 100 })).to.deep.equal(['#/sku', '#/qty'])
    expect(pointers({ sku: '', qty: 0 })).to.deep.equal(['#/sku', '#/qty'])
    expect(pointers({ sku: 'tea', qty: 1.5 })).to.deep.equal(['#/qty'])
    expect(pointers({ sku: '\ud800', qty: 1 })).to.deep.equal(['#/sku'])
  })

  it('names every wrong member at once', () => {
    expect(pointers({})).to.deep.equal(['#/sku', '#/qty'])
    expect(pointers({ sku: ['a'], qty: {} })).to.deep.equal(['#/sku', '#/qty'])
    expect(pointers([])).to.deep.equal(['#'])
    expect(pointers(null)).to.deep.equal(['#'])
  })

  it('reads digits as a number in a form only', () => {
    expect(pointers({ sku: 'tea', qty: '7' }, true)).to.deep.equal([])
    expect(pointers({ sku: 'tea', qty: '7' }, false)).to.deep.equal(['#/qty'])
    expect(pointers({ sku: 'tea', qty: ' 7' }, true)).to.deep.equal(['#/qty'])
    expect(pointers({ sku: 'tea', qty: '1e1' }, true)).to.deep.equal(['#/qty'])
  })

  it('gives back what was typed, good or bad', () => {
    expect(fieldsOf({ sku: 'tea', qty: 'many' })).to.deep.equal({ sku: 'tea', qty: 'many' })
    expect(fieldsOf({ sku: {}, qty: 3 })).to.deep.equal({ sku: '', qty: '3' })
    expect(fieldsOf('text')).to.deep.equal({ sku: '', qty: '' })
  })
})
