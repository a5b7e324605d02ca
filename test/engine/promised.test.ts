/** A value, or an error, that is known before it is asked for, or after. */
import { expect } from 'chai'
import { Promised } from '../../lib/engine/promised.js'
import { soon } from '../support/engine-bench.js'

describe('what will be known', () => {
  it('is given at once where it is known, and by a promise where it is not', async () => {
    const [early, late] = [new Promised<string>(), new Promised<string>()]
    early.resolve('known')
    expect(early.wait()).to.equal('known')
    const waited = Promise.resolve(late.wait())
    late.resolve('late')
    expect(await soon(waited)).to.equal('late')
  })

  it('so is an error', async () => {
    const [early, late] = [new Promised<string>(), new Promised<string>()]
    early.reject(new Error('known'))
    expect(() => early.wait()).to.throw('known')
    const waited = Promise.resolve(late.wait()).catch(String)
    late.reject(new Error('late'))
    expect(await soon(waited)).to.equal('Error: late')
  })

  it('only the first word counts', () => {
    const [value, error] = [new Promised<string>(), new Promised<string>()]
    value.resolve('first')
    value.reject(new Error('second'))
    value.resolve('third')
    expect(value.wait()).to.equal('first')
    error.reject(new Error('first'))
    error.reject(new Error('second'))
    error.resolve('third')
    expect(() => error.wait()).to.throw('first')
  })
})
