/** Answers of many MiB, which an application may keep: they come back from the store as well. */
import { expect } from 'chai'
import { describeWith } from '../support/servers/programs.js'
import { startWorld, type World } from '../support/world.js'

const LARGE_BYTES = 24 * 1_024 * 1_024

describeWith(['postgres', 'initdb'], 'large answers', () => {
  let world: World
  afterEach(() => world.close())

  it('[FALSE-3925] an answer of 24 MiB is given again, and other links go on', async function () {
    this.timeout(60_000)
    let effects = 0
    world = await startWorld(
      { store: 'postgres', koa: 3, at: 'root' },
      {
        poe: { bodyLimitBytes: 64 * 1_024 * 1_024 },
        handler: ctx => {
          effects += 1
          ctx.status = 201
          ctx.type = 'application/octet-stream'
          ctx.body = Buffer.alloc(LARGE_BYTES, 7)
        },
      },
    )
    const link = await world.link()
    expect((await world.send('POST', link)).status).to.equal(201)
    const again = await world.send('POST', link)
    expect(again.status).to.equal(405)
    const told = await world.send('GET', link)
    expect(told.status).to.equal(200)
    expect((await told.arrayBuffer()).byteLength).to.equal(LARGE_BYTES)
    expect(await world.link()).to.be.a('string')
    expect(effects).to.equal(1)
  })
})
