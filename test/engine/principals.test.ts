import { expect } from 'chai'
import { principalDigests } from '../../lib/engine/principals.js'
import { PoeError } from '../../lib/errors.js'

describe('whom an application names', () => {
  it('one or several, by text or number, in their order', () => {
    const [ann = '', seven = ''] = principalDigests(['ann', 7])
    expect(principalDigests('ann')).to.deep.equal([ann])
    expect([principalDigests(7), principalDigests(7)]).to.deep.equal([[seven], [seven]])
    expect(ann).to.not.equal(seven).and.not.include('ann')
    const long = 'x'.repeat(10_000)
    expect(principalDigests(long)).to.deep.equal(principalDigests(long)).and.have.length(1)
  })

  it('nobody', () => {
    for (const nobody of [null, undefined, '', [], [null, '']]) {
      expect(principalDigests(nobody)).to.deep.equal([])
    }
  })

  it('what is no name is refused, and says what to give', () => {
    const many = Array.from({ length: 17 }, (_, index) => `u${index}`)
    for (const given of [many, {}, true, Number.NaN, Promise.reject(new Error('planted'))]) {
      expect(() => principalDigests(given), String(given))
        .to.throw(TypeError, /principal\(ctx\) gave/)
        .with.property('cause')
        .that.is.instanceOf(PoeError)
    }
  })
})
