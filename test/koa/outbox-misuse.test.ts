/** An outbox that is used wrongly, or whose workers do what they should not: nothing is lost. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import type { Delivered, OutboxWorker, PoeEvent, WorkerOptions } from 'post-once-exactly/koa'
import { latch, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

/** As an application without declared messages calls it. */
type Later = (name: string, payload: unknown) => Promise<string>
type Handlers = Readonly<Record<string, (message: Delivered) => unknown>>

for (const kind of EVERY_STORE.filter(({ store }) => store === 'sqlite' || store === 'postgres')) {
  describe(`an outbox that is used wrongly, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    /** Promises messages of these names, each with its place among them. */
    const promise = async (...names: string[]) => {
      const handler = async (ctx: Context) => {
        const later: Later = ctx.poe.later.bind(ctx.poe) as Later
        for (const [place, name] of names.entries()) await later(name, { place })
        ctx.status = 201
      }
      world = await startWorld(kind, { resource: { transactional: true }, handler })
      expect((await world.send('POST', await world.link(), { json: {} })).status).to.equal(201)
    }
    const work = (handlers: Handlers, options: WorkerOptions = {}): OutboxWorker => {
      const rules = { pollMs: 20, firstRetryMs: 10, longestRetryMs: 10, ...options }
      const worker = world.once.worker(handlers as object, rules)
      worker.start()
      return worker
    }
    const told = (type: PoeEvent['type']) => world.events.filter(event => event.type === type)

    it('[OUT-15] a name without a handler waits, holds up no other, and is counted', async () => {
      await promise('fax', 'mail', 'fax', 'mail')
      work({ mail: () => {} }, { concurrency: 1 })
      await until(() => told('outbox-delivered').length === 2, 'both mails')
      await pause(60)
      const [fax, ...others] = await world.once.outbox.counts()
      expect(fax).to.include({ name: 'fax', waiting: 2, running: 0, dead: 0 })
      expect(others).to.deep.equal([])
      work({ fax: () => {} })
      await until(() => told('outbox-delivered').length === 4, 'the faxes')
    })

    it('[OUT-15] workers with different handlers get what is theirs, once each', async () => {
      await promise('mail', 'fax', 'mail', 'fax', 'mail')
      const seen: string[] = []
      const note = (by: string) => (message: Delivered) => void seen.push(`${by} ${message.name}`)
      work({ mail: note('a') })
      work({ fax: note('b') })
      work({ mail: note('a'), fax: note('b') })
      await until(() => told('outbox-delivered').length === 5, 'all')
      expect(seen.sort()).to.deep.equal(['a mail', 'a mail', 'a mail', 'b fax', 'b fax'])
    })

    it('[OUT-16] a handler may throw anything: it is tried again, and told', async () => {
      await promise('mail')
      const broken = {
        toString: () => {
          throw new Error('no text')
        },
      }
      const thrown: unknown[] = [undefined, null, 'text', 7, Symbol('odd'), {}, broken]
      work({
        mail: ({ attempt }) => {
          if (attempt <= thrown.length) throw thrown[attempt - 1]
        },
      })
      await until(() => told('outbox-delivered').length === 1, 'the delivery')
      const causes = told('outbox-failed').map(event => 'cause' in event && event.cause)
      expect(causes).to.deep.equal(thrown)
    })

    it('[OUT-17] stop() during a delivery: aborted, told, delivered again', async () => {
      await promise('mail')
      const [begun, end] = [latch(), latch()]
      const keys: string[] = []
      const first = work(
        {
          async mail({ key, signal }) {
            keys.push(key)
            begun.open()
            await new Promise(resolve => signal.addEventListener('abort', resolve))
            // It says after all that it is done, when another has it.
            await end.opened
          },
        },
        { leaseMs: 200 },
      )
      await begun.opened
      expect(await first.stop({ graceMs: 20 })).to.deep.equal(keys)
      expect(told('outbox-unfinished')).to.have.lengthOf(1)
      // Once stopped it stays so, and holds no process.
      const timers = () =>
        process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
      const before = timers()
      first.start()
      expect(timers()).to.equal(before)
      expect(await first.stop()).to.deep.equal(keys)
      work({ mail: ({ key }) => void keys.push(key) })
      await until(() => told('outbox-delivered').length === 1, 'the delivery')
      end.open()
      await until(() => told('outbox-late').length === 1, 'the late word')
      expect(keys).to.have.lengthOf(2)
      expect(new Set(keys).size).to.equal(1)
      expect(told('outbox-delivered')).to.have.lengthOf(1)
      expect(await world.once.outbox.counts()).to.deep.equal([])
    })
  })
}
