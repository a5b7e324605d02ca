import { expect } from 'chai'
import { Promised } from '../../lib/engine/promised.js'

const boom = new Error('boom')

describe('what will be known', () => {
  it('is given at once where it is known already, and only the first word counts', () => {
    const value = new Promised<number>()
    value.resolve(1)
    value.resolve(2)
    value.reject(boom)
    expect(value.wait()).to.equal(1)
    const error = new Promised<number>()
    error.reject(boom)
    error.reject(new Error('another'))
    error.resolve(1)
    expect(() => error.wait()).to.throw(boom)
  })

  it('is promised where it has to be waited for', async () => {
    const value = new Promised<number>()
    const waiting = value.wait()
    expect(waiting).to.be.instanceOf(Promise)
    value.resolve(1)
    value.reject(boom)
    expect(await waiting).to.equal(1)
    const error = new Promised<number>()
    const failing = Promise.resolve(error.wait()).catch(cause => cause)
    error.reject(boom)
    error.resolve(1)
    expect(await failing).to.equal(boom)
  })
})
