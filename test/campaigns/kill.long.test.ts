/**
 * `kill -9`, the failure that gives no warning: what a client that asks again is told, and how
 * often the effect took place.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { expectProblem } from '../support/answers.js'
import { seededRandom, until } from '../support/meeting.js'
import { makeSite, type ServerProcess, type Site } from '../support/server-process.js'

/** Of each mode: to start a process lasts longer than all that a round does with it. */
const ROUNDS = 3
const LINKS_A_ROUND = 14
/** A kill falls somewhere into the time that a round's requests need. */
const LONGEST_LIFE_MS = 60

describe('kill -9 of a server on a sqlite file', () => {
  let site: Site
  beforeEach(() => {
    site = makeSite()
  })
  afterEach(() => site.close())

  it('[POE-2-4, POE-2-7] between POST and retry: 405, and GET gives the first bytes', async () => {
    const [first, second] = await Promise.all([site.serve(), site.serve()])
    const link = await first.link()
    const answer = await first.send('POST', link)
    expect(answer.status).to.equal(201)
    const bytes = await answer.text()
    await first.kill()
    const retry = await second.send('POST', link)
    expect(retry.status).to.equal(405)
    const { result } = await expectProblem(retry, 405, 'used')
    expect(result).to.equal(answer.headers.get('Location'))
    const told = await second.send('GET', link)
    expect(told.status).to.equal(200)
    expect(await told.text()).to.equal(bytes)
    expect(told.headers.get('Content-Type')).to.equal(answer.headers.get('Content-Type'))
    expect(site.effectsOf(link)).to.equal(1)
  })

  it('[POE-2-20] in mid-handler, external: undecided, never a second effect', async () => {
    const options = { leaseMs: 300, waitMs: 0 }
    const [first, second] = await Promise.all([site.serve(options), site.serve(options)])
    const [before = '', after = ''] = await first.links(2)
    const lost = [
      first.send('POST', before, { 'X-Before': '10000' }).catch(() => null),
      first.send('POST', after, { 'X-After': '10000' }).catch(() => null),
    ]
    await until(() => site.effectsOf(after) === 1, 'the effect')
    await until(async () => (await second.send('GET', before)).status === 409, 'both claims')
    await first.kill()
    expect(await Promise.all(lost)).to.deep.equal([null, null])
    for (const link of [before, after]) {
      await until(async () => (await typeAt(second, link)) === 'undecided', 'undecided')
      await expectProblem(await second.send('POST', link), 409, 'undecided')
      await expectProblem(await second.send('GET', link), 409, 'undecided')
    }
    expect([site.effectsOf(before), site.effectsOf(after)]).to.deep.equal([0, 1])
  })

  it('[POE-2-20, POE-A-1] in mid-handler, transactional: the retry runs, one row', async () => {
    const options = { leaseMs: 300, waitMs: 5_000, transactional: true }
    const [first, second] = await Promise.all([site.serve(options), site.serve(options)])
    const link = await first.link()
    const lost = first.send('POST', link, { 'X-After': '60000' }).catch(() => null)
    await until(async () => (await second.send('GET', link)).status === 409, 'the claim')
    await pause(50)
    await first.kill()
    expect(await lost).to.equal(null)
    expect(site.effectsOf(link)).to.equal(0)
    expect((await second.send('POST', link)).status).to.equal(201)
    expect((await second.send('POST', link)).status).to.equal(405)
    expect(site.effectsOf(link)).to.equal(1)
  })

  for (const transactional of [true, false]) {
    const mode = transactional ? 'transactional' : 'external'
    it(`at ${ROUNDS} random moments, ${mode}: effects are what was accepted`, async () => {
      const seed = Date.now() % 1_000_000
      const random = seededRandom(seed)
      const options = { leaseMs: 200, waitMs: 2_000, transactional }
      let server = await site.serve(options)
      for (let round = 0; round < ROUNDS; round += 1) {
        const spare = site.serve(options)
        const links = await server.links(LINKS_A_ROUND)
        const sent = links.map(link => attempt(server, link, random))
        await pause(random() * LONGEST_LIFE_MS)
        await server.kill()
        const first = await Promise.all(sent)
        server = await spare
        await Promise.all(
          links.map((link, index) => {
            const told = `seed ${seed}, round ${round}, ${link}`
            return judge(site, server, link, first[index] ?? null, transactional, told)
          }),
        )
      }
    })
  }
})

interface Answer {
  readonly status: number
  readonly text: string
}

/** One POST whose handler takes a moment; `null` when its answer was lost. */
async function attempt(
  server: ServerProcess,
  link: string,
  random: () => number,
): Promise<Answer | null> {
  const headers = { 'X-Before': `${random() * 20}`, 'X-After': `${random() * 20}` }
  await pause(random() * 20)
  try {
    const response = await server.send('POST', link, headers)
    return { status: response.status, text: await response.text() }
  } catch {
    return null
  }
}

/** Asks again until it is decided, and compares what was told with what took place. */
async function judge(
  site: Site,
  server: ServerProcess,
  link: string,
  first: Answer | null,
  transactional: boolean,
  told: string,
): Promise<void> {
  const retry = await server.send('POST', link)
  const { status } = retry
  const text = await retry.text()
  const effects = site.effectsOf(link)
  if (first?.status === 201) {
    expect(status, `an accepted POST is told 405; ${told}`).to.equal(405)
    expect(await (await server.send('GET', link)).text(), told).to.equal(first.text)
  }
  if (status === 201 || status === 405) {
    expect(effects, `${status} means one effect; ${told}`).to.equal(1)
    return
  }
  expect(transactional, `only an external effect can be in doubt; ${told}: ${text}`).to.equal(false)
  expect(status, told).to.equal(409)
  expect(text, told).to.include('problem:undecided')
  expect(effects, `never two; ${told}`).to.be.at.most(1)
}

async function typeAt(server: ServerProcess, link: string): Promise<string> {
  const { type } = (await (await server.send('GET', link)).json()) as { type: string }
  return type.slice(type.lastIndexOf(':') + 1)
}
