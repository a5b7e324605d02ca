/**
 * Each planted fault is real: a few requests show it, and the right server does not show it.
 */
import { expect } from 'chai'
import { startIndependent } from './independent.js'
import { probe } from './probe.js'
import { startWrong, WRONG } from './wrong.js'
import { MEMORY_SHOWS } from './wrong-memory.js'
import { ANSWER_SHOWS, POST_SHOWS } from './wrong-shows.js'

const SHOWS = { ...POST_SHOWS, ...MEMORY_SHOWS, ...ANSWER_SHOWS }

describe('the wrong servers', () => {
  it('are many, each with a name of its own, a requirement and a way to show it', () => {
    const names = WRONG.map(({ name }) => name)
    expect(names).to.have.length.at.least(60)
    expect(new Set(names)).to.have.lengthOf(names.length)
    expect(Object.keys(SHOWS)).to.have.members(names)
    for (const { name, breaks } of WRONG) {
      for (const id of breaks) expect(id, name).to.match(/^(?:POE-[A\d]-\d+|H-[A-Z\d]+-\d+)$/)
    }
  })

  it('are refused by an unknown name', () => {
    expect(() => startWrong('nobody')).to.throw(RangeError, 'nobody')
  })

  for (const { name, says, options } of WRONG) {
    it(`${name}: ${says}`, async () => {
      const { behaviour: _fault, ...bare } = { waitMs: 150, ...options }
      const [wrong, right] = [await startWrong(name, { waitMs: 150 }), await startIndependent(bare)]
      try {
        const [isWrong, isRight] = await Promise.all(
          [wrong, right].map(async server => (await SHOWS[name]?.(probe(server))) ?? null),
        )
        expect({ isWrong, isRight }).to.deep.equal({ isWrong: true, isRight: false })
      } finally {
        await Promise.all([wrong.close(), right.close()])
      }
    })
  }
})
