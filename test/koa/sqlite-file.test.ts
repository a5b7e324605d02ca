/**
 * What other programs do to the sqlite file under a running server: hold its lock, take it away.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from 'chai'
import { expectProblem } from '../support/answers.js'
import { until } from '../support/meeting.js'
import { makeSite, type Site } from '../support/server-process.js'

const DRIVER = createRequire(import.meta.url).resolve('better-sqlite3')

describe('the sqlite file of a running server', () => {
  let site: Site
  let holder: ChildProcess | null = null
  beforeEach(() => {
    site = makeSite()
  })
  afterEach(async () => {
    holder?.kill('SIGKILL')
    holder = null
    await site.close()
  })

  it('[FAIL-07] locked by another process: 503, reads go on, then it works again', async () => {
    const server = await site.serve()
    const [spent = '', link = ''] = await server.links(2)
    expect((await server.send('POST', spent)).status).to.equal(201)
    holder = await holdLock(site.file)
    const startedMs = performance.now()
    const refused = await server.send('POST', link)
    expect(performance.now() - startedMs, 'it waits for the lock for 2 s').to.be.at.least(1_500)
    expect(refused.headers.get('Retry-After')).to.equal('1')
    await expectProblem(refused, 503, 'store-down')
    expect((await server.send('GET', spent)).status, 'reading needs no lock').to.equal(200)
    expect((await server.send('GET', '/page')).status, 'pages go on').to.equal(200)
    const gone = once(holder, 'exit')
    holder.kill('SIGKILL')
    await gone
    expect(site.effectsOf(link), 'nothing has run meanwhile').to.equal(0)
    await until(async () => (await server.send('POST', link)).status === 201, 'it works again')
    expect((await server.send('POST', link)).status).to.equal(405)
    expect(site.effectsOf(link)).to.equal(1)
  })

  it('[FAIL-07] a lock that is let go in time is waited for: 201', async () => {
    const server = await site.serve()
    const link = await server.link()
    const lock = await holdLock(site.file)
    holder = lock
    const waiting = server.send('POST', link)
    setTimeout(() => lock.kill('SIGKILL'), 500)
    expect((await waiting).status).to.equal(201)
    expect(site.effectsOf(link)).to.equal(1)
  })

  it('[POE-A-2] taken away: what was handed out never runs in its successor', async () => {
    const first = await site.serve()
    const [spent = '', unused = '', late = ''] = await first.links(3)
    expect((await first.send('POST', spent)).status).to.equal(201)
    for (const part of ['', '-wal', '-shm']) rmSync(site.file + part, { force: true })
    const second = await site.serve()
    for (const link of [spent, unused]) {
      for (const method of ['POST', 'GET']) {
        expect((await second.send(method, link)).status, 'its successor').to.be.oneOf([404, 410])
      }
    }
    expect((await first.send('POST', spent)).status, 'who still has it').to.be.oneOf([405, 503])
    expect((await first.send('POST', late)).status).to.be.oneOf([201, 503])
    expect((await second.send('POST', late)).status).to.be.oneOf([404, 410])
    const fresh = await second.link()
    expect((await second.send('POST', fresh)).status, 'and goes on').to.equal(201)
    expect([spent, unused, fresh].map(link => site.effectsOf(link))).to.deep.equal([1, 0, 1])
    expect(site.effectsOf(late)).to.be.at.most(1)
  })
})

/** Another program that has begun to write, and does not come to an end. */
async function holdLock(file: string): Promise<ChildProcess> {
  const script = `
    const Driver = require(${JSON.stringify(DRIVER)})
    new Driver(process.argv[1], { timeout: 5000 }).exec('BEGIN IMMEDIATE')
    process.stdout.write('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', script, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('The program has no output')
  await once(child.stdout, 'data')
  return child
}
