/**
 * A condition under a key that keeps refusals: what is said of this moment only is not kept.
 */
import { expect } from 'chai'
import type { KeyProfileName } from 'post-once-exactly/koa'
import { expectProblem } from '../../support/answers.js'
import { storeSwitch } from '../../support/around-store.js'
import { latch, until } from '../../support/meeting.js'
import { type DoorWorld, keyOptions, startDoorWorld } from './door-world.js'

const KIND = { store: 'memory', koa: 3, at: 'root' } as const

for (const profile of ['stripe', 'repeatable-requests'] as const satisfies KeyProfileName[]) {
  describe(`a condition under a key that keeps refusals, ${profile}`, () => {
    let world: DoorWorld
    afterEach(() => world.close())

    const sentAt = new Date().toUTCString()
    const send = (key: string) =>
      world.send('POST', '/things', {
        json: { key },
        headers: {
          'If-Match': '"1"',
          'Idempotency-Key': key,
          'Repeatability-Request-ID': key,
          'Repeatability-First-Sent': sentAt,
        },
      })

    it('[FALSE-4005] that another change is under way is said of this moment only', async () => {
      const gate = latch()
      let version = 1
      world = await startDoorWorld(KIND, (router, once) => {
        const key = once.idempotencyKey(keyOptions({ profile }))
        const validator = () => ({ etag: `"${version}"` })
        const seen = once.conditional({ name: 'thing', validator, waitMs: 0 })
        router.post('/things', key, seen, async ctx => {
          if (version === 1) await gate.opened
          version += 1
          ctx.status = 201
        })
      })
      const first = send('a')
      await until(
        () => world.events.filter(({ type }) => type === 'claimed').length === 2,
        'the first is at work',
      )
      await expectProblem(await send('b'), 409, 'running')
      gate.open()
      expect((await first).status).to.equal(201)
      // Now it is known: the state is another. That is kept, as the profile has it.
      await expectProblem(await send('b'), 412, 'precondition-failed')
      expect((await send('b')).status).to.equal(412)
    })

    it('[FALSE-4005] nor is it kept that the store was away', async () => {
      const store = storeSwitch()
      let isToFail = true
      world = await startDoorWorld(
        KIND,
        (router, once) => {
          const key = once.idempotencyKey(keyOptions({ profile }))
          const validator = () => {
            // Between the claim of the key and that of the step.
            if (isToFail) store.mode = 'down'
            return { etag: '"1"' }
          }
          router.post('/things', key, once.conditional({ name: 'thing', validator }), ctx => {
            ctx.status = 201
          })
        },
        { wrapStore: store.wrap },
      )
      const told = send('a')
      await until(() => store.mode === 'down', 'the store is away')
      isToFail = false
      await until(() => store.calls.filter(({ method }) => method === 'claim').length >= 2, 'asked')
      store.mode = 'up'
      expect((await told).status).to.equal(503)
      await until(async () => (await send('a')).status === 201, 'it is carried out')
    })
  })
}
