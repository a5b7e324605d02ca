/** How calls of a store are gathered into batches. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { PoeError } from '../../lib/errors.js'
import { Batches } from '../../lib/stores/batches.js'

describe('the gathering of calls', () => {
  interface Told {
    readonly sent: string[]
    readonly batches: Batches<string, string>
  }

  function gather(
    together: (items: readonly string[]) => Promise<readonly (string | null)[]>,
    bytes = 1,
  ): Told {
    const sent: string[] = []
    const batches = new Batches<string, string>({
      most: 1,
      largest: 3,
      noAnswer: 'none',
      isRefused: error => error instanceof Error && error.message === 'refused',
      bytesOf: () => bytes,
      together(items) {
        sent.push(items.join(' '))
        return together(items)
      },
      async alone(item) {
        sent.push(`${item} alone`)
        if (item === 'bad') throw new Error('bad')
        return item
      },
    })
    return { sent, batches }
  }

  const all = (batches: Batches<string, string>, items: string, ms = 1_000) =>
    Promise.all(
      items.split(' ').map(item => batches.ask(item, ms).catch(error => error.code ?? 'failed')),
    )

  it('a single call goes alone, several together, what has no reply once more alone', async () => {
    const { sent, batches } = gather(async items => items.map(item => (item === 'b' ? null : item)))
    expect(await all(batches, 'x')).to.deep.equal(['x'])
    expect(await all(batches, 'a b c')).to.deep.equal(['a', 'b', 'c'])
    expect(sent).to.deep.equal(['x alone', 'a b c', 'b alone'])
  })

  it('refused by the server: each alone; of unknown fate: nothing is sent again', async () => {
    const refused = gather(async () => {
      throw new PoeError('ERR_POE_STORE_DOWN', 'refused')
    })
    expect(await all(refused.batches, 'a bad c')).to.deep.equal(['a', 'failed', 'c'])
    const lost = gather(async () => {
      throw new PoeError('ERR_POE_STORE_DOWN', 'lost')
    })
    expect(await all(lost.batches, 'a b')).to.deep.equal(Array(2).fill('ERR_POE_STORE_DOWN'))
    expect(lost.sent).to.deep.equal(['a b'])
  })

  it('each has its own deadline; who has been refused is not sent', async function () {
    // Where this process stands still for a tenth of a second, a call has its time once more.
    this.retries(3)
    const { sent, batches } = gather(() => pause(400, ['a', 'b']))
    const first = all(batches, 'a b', 100)
    await pause(5)
    const second = batches.ask('late', 1).catch(({ code }) => code)
    expect(await first).to.deep.equal(Array(2).fill('ERR_POE_STORE_DOWN'))
    expect(await second).to.equal('ERR_POE_STORE_DOWN')
    await pause(50)
    expect(sent).to.deep.equal(['a b'])
  })

  it('one that hangs keeps others waiting for a moment only', async () => {
    const { sent, batches } = gather(items =>
      items.includes('a') ? pause(2_000, ['a', 'b']) : Promise.resolve(items),
    )
    const hanging = all(batches, 'a b', 100)
    await pause(1)
    expect(await all(batches, 'c d')).to.deep.equal(['c', 'd'])
    expect(sent).to.deep.equal(['a b', 'c d'])
    await hanging
  })

  it('so many go together, and no more', async () => {
    const { sent, batches } = gather(async items => items)
    expect(await all(batches, 'a b c d')).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(sent).to.deep.equal(['a b c', 'd alone'])
  })

  it('what is large goes by itself', async () => {
    const { sent, batches } = gather(async items => items, 200_000)
    await all(batches, 'a b')
    expect(sent).to.deep.equal(['a alone', 'b alone'])
  })
})
