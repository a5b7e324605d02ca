/**
 * An orderly shutdown, in the order of the examples: the server, `once`, the store. A handler whose
 * client has left is waited for, and no link is left undecided whose handler ends in time.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { until } from '../support/meeting.js'
import { EVERY_STORE, startWorld, type World } from '../support/world.js'

async function abandonedPost(world: World): Promise<string> {
  const link = await world.link()
  const leaving = new AbortController()
  const lost = world.send('POST', link, { json: { sku: 'tea' }, signal: leaving.signal })
  await until(() => world.runs === 1, 'the handler runs')
  leaving.abort()
  await lost.catch(() => {})
  return link
}

async function stopServing({ server }: World): Promise<void> {
  server.closeIdleConnections()
  await new Promise(resolve => server.close(resolve))
}

describe('an orderly shutdown', () => {
  for (const kind of EVERY_STORE) {
    for (const transactional of kind.store === 'sqlite' || kind.store === 'postgres'
      ? [false, true]
      : [false]) {
      const what = transactional ? 'transactional' : 'external'
      it(`[FALSE-1307] on ${kind.store}, ${what}: what ends in the grace is decided`, async () => {
        const world = await startWorld(kind, {
          poe: { leaseMs: 300 },
          resource: { transactional },
          handler: async (ctx, { effects }) => {
            await pause(800)
            effects.push(ctx.poe.key)
            ctx.status = 201
            ctx.body = { id: effects.length }
          },
        })
        const link = await abandonedPost(world)
        await stopServing(world)
        expect(await world.once.close()).to.deep.equal({ running: [], unwritten: [] })
        expect(world.effects).to.have.lengthOf(1)
        const [key = ''] = world.effects
        expect((await world.store.read(key, null)).state, link).to.equal('spent')
        await world.close()
      })
    }
  }

  it('[FALSE-1308] what does not end in the grace is named, and told as an event', async () => {
    for (const kind of EVERY_STORE.slice(0, 1)) {
      let end = () => {}
      const world = await startWorld(kind, {
        handler: async ctx => {
          await new Promise<void>(resolve => {
            end = resolve
          })
          ctx.status = 201
        },
      })
      await abandonedPost(world)
      await stopServing(world)
      const { running, unwritten } = await world.once.close({ graceMs: 50 })
      expect([running.length, unwritten]).to.deep.equal([1, []])
      expect(world.events.filter(({ type }) => type === 'unfinished')).to.have.lengthOf(1)
      end()
      await world.close()
    }
  })

  for (const kind of EVERY_STORE.filter(({ store }) => store === 'sqlite' || store === 'redis')) {
    it(`[FALSE-3922] on ${kind.store}: what begins after the store's end is 503`, async () => {
      let begin = () => {}
      const isTransactional = kind.store === 'sqlite'
      const world = await startWorld(kind, {
        resource: isTransactional ? { transactional: true } : { marks: true },
        handler: async ctx => {
          await new Promise<void>(resolve => {
            begin = resolve
          })
          if (isTransactional) await Reflect.apply(ctx.poe.later, ctx.poe, ['mail', {}])
          else await ctx.poe.pointOfNoReturn()
          ctx.status = 201
        },
      })
      const posted = world.send('POST', await world.link(), { json: { sku: 'tea' } })
      await until(() => world.runs === 1, 'the handler runs')
      await world.once.close({ graceMs: 0 })
      await world.store.close()
      begin()
      const { status, headers } = await posted
      await world.close()
      expect([status, headers.get('Retry-After')]).to.deep.equal([503, '1'])
    })
  }

  it('[FALSE-1309, FALSE-4208] a grace that is no time is refused', async () => {
    const [kind] = EVERY_STORE
    if (kind === undefined) return
    const world = await startWorld(kind)
    for (const wrong of [5_000, null, [], { grace: 5 }]) {
      const refused = await world.once.close(wrong as never).catch(error => error)
      expect(refused, String(wrong)).to.be.instanceOf(TypeError)
    }
    for (const graceMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
      const refused = await world.once.close({ graceMs }).catch(error => error)
      expect(refused).to.be.instanceOf(RangeError)
    }
    await world.close()
  })
})
