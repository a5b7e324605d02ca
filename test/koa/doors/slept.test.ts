/**
 * The machine of a server has slept: its process has counted no time meanwhile, and learns by the
 * store's first reply how late it is.
 */
import { expect } from 'chai'
import { EVERY_STORE, nameOf } from '../../support/world.js'
import { DAY_MS, type DoorWorld, keyOptions, startDoorWorld } from './door-world.js'

for (const kind of EVERY_STORE) {
  describe(`doors of a machine that has slept, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    let sleptMs: number
    beforeEach(async () => {
      sleptMs = 0
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          const alike = { name: 'alike', windowMs: 60_000, identity: () => 'same' }
          router.post('/keys', once.idempotencyKey(keyOptions()), act)
          router.post('/messages', once.detectDuplicates(alike), act)
          const validator = () => ({ etag: `"${world.effects.length}"` })
          router.post('/conditions', once.conditional({ name: 'asSeen', validator }), act)
        },
        { now: () => Date.now() + sleptMs },
      )
    })
    afterEach(() => world.close())

    const repeats = { '/keys': 201, '/messages': 409, '/conditions': 201 }
    for (const [path, status] of Object.entries(repeats)) {
      it(`[FALSE-4670] what comes first is remembered as long as all else: ${path}`, async () => {
        const headers = { 'Idempotency-Key': '"k"', 'If-Match': '"0"' }
        const send = () => world.send('POST', path, { json: {}, headers })
        await world.send('GET', path)
        sleptMs = 2 * DAY_MS
        expect((await send()).status).to.equal(201)
        expect((await send()).status, 'the repeat').to.equal(status)
        expect(world.effects).to.deep.equal([path])
      })
    }
  })
}
