/** A condition in front of actions is judged, or the request is refused: with every method. */
import { expect } from 'chai'
import type { Context } from 'koa'
import { expectProblem } from '../../support/answers.js'
import { type DoorWorld, startDoorWorld } from './door-world.js'

const KIND = { store: 'memory', koa: 3, at: 'root' } as const

describe('a condition in front of actions', () => {
  let world: DoorWorld
  let version: number
  let undone: number
  afterEach(() => world.close())

  const start = async () => {
    version = 1
    undone = 0
    world = await startDoorWorld(KIND, (router, once) => {
      const seen = once.conditional({ name: 'seat', validator: () => ({ etag: `"${version}"` }) })
      const options = {
        name: 'action',
        do: (ctx: Context) => {
          version += 1
          ctx.status = 201
        },
        undo: (ctx: Context) => {
          undone += 1
          version += 1
          ctx.status = 204
        },
      }
      once.actions(router, '/actions', options as never, seen)
    })
    return (await world.send('POST', '/actions')).headers.get('Location') ?? ''
  }
  const send = (method: string, at: string, tag: string) =>
    world.send(method, at, {
      headers: { 'If-Match': tag },
      ...(method === 'PUT' && { json: {} }),
    })

  it('[FALSE-4004] is judged before an action is undone', async () => {
    const at = await start()
    expect((await send('PUT', at, '"1"')).status).to.equal(201)
    await expectProblem(await send('DELETE', at, '"1"'), 412, 'precondition-failed')
    expect(undone).to.equal(0)
    expect((await send('DELETE', at, '"2"')).status).to.equal(204)
    expect((await send('DELETE', at, '"2"')).status, 'told again').to.equal(204)
    expect(undone).to.equal(1)
  })

  it('[FALSE-4004] and before it is cancelled', async () => {
    const at = await start()
    await expectProblem(await send('DELETE', at, '"0"'), 412, 'precondition-failed')
    await expectProblem(await send('DELETE', at, '1'), 400, 'precondition-malformed')
    expect((await send('DELETE', at, '"1"')).status).to.equal(204)
    await expectProblem(await send('PUT', at, '"1"'), 410, 'cancelled')
  })
})
