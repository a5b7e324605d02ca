/** A journal that is resumed long after: a link stays used, and a key does not. */
import { expect } from 'chai'
import { lost, type Scene, scene } from '../scripted.js'
import { JournalFolder } from './journal-process.js'

const HOUR_MS = 3_600_000
const URL = 'https://shop.example/payments'

describe('a POST with a key that is resumed late', () => {
  let place: JournalFolder
  let one: Scene
  beforeEach(async () => {
    place = new JournalFolder()
    const journal = await place.open()
    one = scene({ post: [lost(), { status: 201 }] }, { journal, tries: 1 })
  })
  afterEach(() => place.remove())

  /** How it ends, begun now and resumed some hours later. */
  async function resumedAfter(hours: number, lifeHours: number | null): Promise<unknown> {
    const { clock, client, finish } = one
    const life = lifeHours === null ? {} : { expiresAtMs: clock.now() + lifeHours * HOUR_MS }
    await finish(client.post(URL, { amount: 7 }, { idempotencyKey: true, ...life }))
    await clock.advance(hours * HOUR_MS)
    const [resumed] = await finish(client.resume())
    return resumed?.outcome
  }

  it('[FALSE-4586] after a day is not sent: the server may know the key no more', async () => {
    const told = await resumedAfter(25, null)
    expect(told).to.include({ outcome: 'unknown', reason: 'forgotten' })
    expect(one.posts).to.have.length(1)
  })

  it('[FALSE-4380] and is told once, for it can never be settled', async () => {
    expect(await resumedAfter(25, null)).to.include({ outcome: 'unknown', isFinal: true })
    expect(await one.finish(one.client.resume())).to.deep.equal([])
  })

  it('[FALSE-4586] within a day it is', async () => {
    expect(await resumedAfter(23, null)).to.include({ outcome: 'accepted' })
  })

  it('[FALSE-4586] and as long as its caller has said', async () => {
    expect(await resumedAfter(25, 48)).to.include({ outcome: 'accepted' })
  })
})
