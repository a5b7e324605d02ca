/**
 * What functions of the application give to a door, where it is nothing that a door can go by: the
 * error says which function it was, and nothing runs.
 */
import { expect } from 'chai'
import type { Poe } from 'post-once-exactly/koa'
import type { World } from '../../support/world.js'
import { keyOptions, startDoorWorld } from './door-world.js'

const KIND = { store: 'memory', koa: 3, at: 'root' } as const
const validator = () => ({ etag: '"1"' })

type Make = (once: Poe<unknown>, give: never) => unknown

const FUNCTIONS: Readonly<Record<string, Make>> = {
  'fingerprint(ctx)': (once, give) => once.idempotencyKey(keyOptions({ fingerprint: () => give })),
  'target(ctx)': (once, give) => once.conditional({ name: 'step', validator, target: () => give }),
}

describe('what is given to a door and is no text', () => {
  let world: World
  let errors: string[]
  afterEach(() => world.close())

  const NONE = { undefined, null: null, 'a number': 7, 'a promise': Promise.resolve('a') } as const

  for (const [name, make] of Object.entries(FUNCTIONS)) {
    for (const [what, given] of Object.entries(NONE)) {
      it(`[FALSE-4015] ${name} that gives ${what} is told by name`, async () => {
        errors = []
        let runs = 0
        world = await startDoorWorld(
          KIND,
          (router, once) => {
            router.post('/pay', make(once, given as never) as never, () => {
              runs += 1
            })
          },
          {
            extend: app => void app.on('error', error => errors.push(String(error))),
          },
        )
        const headers = { 'Idempotency-Key': '"k"', 'If-Match': '"1"' }
        const { status } = await world.send('POST', '/pay', { json: {}, headers })
        expect([status, runs]).to.deep.equal([500, 0])
        expect(errors[0]).to.equal(
          `TypeError: ${name} must give a string` +
            (what === 'a promise' ? ', and at once: it gave a promise' : ''),
        )
      })
    }
  }

  for (const [what, given] of Object.entries({
    'a promise': Promise.resolve('a'),
    'no date': { key: 'a' },
    'a date as text': { key: 'a', expiresAt: '2030-01-01' },
    'a number': 7,
  })) {
    it(`[FALSE-4015] key(ctx) of a resource that gives ${what} is told by name`, async () => {
      errors = []
      world = await startDoorWorld(KIND, () => {}, {
        resource: { path: '/named', key: () => given as never, dangerouslyNotDurable: true },
        extend: app => void app.on('error', error => errors.push(String(error))),
      })
      expect((await world.send('POST', '/named', { json: {} })).status).to.equal(500)
      expect(errors[0]).to.match(
        /TypeError: key\(ctx\) must give a string, \{ key, expiresAt: Date/,
      )
    })
  }
})
