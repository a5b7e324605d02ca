/**
 * A connection that is kept for many requests: nothing of the earlier ones stays with it.
 */
import { once as event } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { requestBytes } from 'post-once-exactly/testing'
import { until } from '../support/meeting.js'
import { startWorld, type World } from '../support/world.js'

const REQUESTS = 12

describe('a connection that is kept', () => {
  for (const [what, parse, length] of [
    ['nobody reads', false, 30],
    ['a parser reads', true, 30],
    ['is longer than what is read ahead', false, 1_100_000],
  ] as const) {
    it(`[FALSE-4370] keeps no listener of requests whose late content ${what}`, async () => {
      let served: Socket | null = null
      const world = await startWorld(
        { store: 'memory', koa: 3, at: 'root' },
        {
          parse,
          extend: app => {
            app.use((ctx, next) => {
              served = ctx.req.socket
              return next()
            })
          },
        },
      )
      try {
        const counts = await ask(world, length, () => served as Socket | null as Socket)
        expect(counts.at(-1)).to.deep.equal(counts[1])
      } finally {
        await world.close()
      }
    })
  }
})

/** Asks again and again; gives the number of listeners after each answer. */
async function ask(world: World, length: number, served: () => Socket): Promise<number[]> {
  const socket = connect(world.port, '127.0.0.1')
  const link = await world.link()
  const content = JSON.stringify({ sku: 'x'.repeat(length) })
  let heard = ''
  socket.on('data', data => {
    heard += String(data)
  })
  const counts: number[] = []
  for (let answers = 1; answers <= REQUESTS; answers += 1) {
    const headers = { 'Content-Type': 'application/json' }
    const bytes = requestBytes({ method: 'POST', path: link, headers, body: content })
    socket.write(bytes.subarray(0, -5))
    await new Promise(resolve => setTimeout(resolve, 5))
    socket.write(bytes.subarray(-5))
    await until(() => heard.split('HTTP/1.1 ').length > answers, `answer ${answers}`)
    counts.push(served().listenerCount('close'))
  }
  socket.end()
  await event(socket, 'close')
  return counts
}
