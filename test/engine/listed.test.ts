import { expect } from 'chai'
import { isListed, List, Listed, unlist } from '../../lib/engine/listed.js'

describe('list', () => {
  it('keeps what is in it in the order in which it came', () => {
    const list = new List<Listed>()
    const [first, second, third] = [new Listed(), new Listed(), new Listed()]
    for (const item of [first, second, third]) list.add(item)
    expect(list.items()).to.deep.equal([first, second, third])
    unlist(second)
    expect(list.items()).to.deep.equal([first, third])
    list.add(second)
    expect(list.items().map(item => [first, second, third].indexOf(item))).to.deep.equal([0, 2, 1])
  })

  it('knows what is in it, and when it is empty', () => {
    const list = new List<Listed>()
    const item = new Listed()
    expect([list.isEmpty, isListed(item)]).to.deep.equal([true, false])
    list.add(item)
    expect([list.isEmpty, isListed(item)]).to.deep.equal([false, true])
    unlist(item)
    unlist(item)
    expect([list.isEmpty, isListed(item)]).to.deep.equal([true, false])
  })
})
