/**
 * A handler that is at its end and has said nothing has thrown nothing either: where throws mean
 * that nothing happened, it is undecided. Its link was free again after the effect.
 */
import { expect } from 'chai'
import type { Context } from 'koa'
import { expectProblem } from '../support/answers.js'
import { type Latch, latch } from '../support/meeting.js'
import { startWorld, type World, type WorldOptions } from '../support/world.js'

const BODY = { json: { sku: 'a' } }
const RULES = { releaseOnThrow: true }
const SILENT: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'nothing is set': () => {},
  'the connection is torn': ctx => void ctx.res.destroy(),
  'the response is taken over and torn': ctx => {
    ctx.respond = false
    ctx.res.destroy()
  },
}

for (const koa of [3, 2] as const) {
  const kind = { store: 'memory', koa, at: 'root' } as const

  describe(`an end without a word, where throws free, Koa ${koa}`, () => {
    let world: World
    afterEach(() => world.close())

    const start = async (say: NonNullable<WorldOptions['handler']>, more: WorldOptions = {}) => {
      world = await startWorld(kind, {
        resource: RULES,
        handler: async (ctx, here) => {
          here.effects.push('charged')
          await say(ctx, here)
        },
        ...more,
      })
      return await world.link()
    }
    const expectUndecided = async (link: string) => {
      await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
      expect(world.effects).to.have.lengthOf(1)
    }

    for (const [what, say] of Object.entries(SILENT)) {
      it(`[FALSE-4647] ${what}: undecided`, async () => {
        const link = await start(say)
        await world.send('POST', link, BODY).catch(() => {})
        await expectUndecided(link)
      })
    }

    it('[FALSE-4647] middleware has lost its patience: undecided', async () => {
      const door: Latch = latch()
      const impatient = async (ctx: Context, next: () => Promise<unknown>) => {
        const running = next()
        await Promise.race([running, new Promise(done => setTimeout(done, 10))])
        if (!door.isOpen) {
          ctx.status = 503
          ctx.body = 'too slow'
        }
      }
      const written = latch()
      const write = async (ctx: Context) => {
        await door.opened
        ctx.respond = false
        ctx.res.end('done')
        written.open()
      }
      const link = await start(write, { outside: [impatient] })
      expect((await world.send('POST', link, BODY)).status).to.equal(503)
      door.open()
      await written.opened
      await expectUndecided(link)
    })
  })
}
