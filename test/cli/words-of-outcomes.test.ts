/**
 * What `poe` says of each ending, in text and as JSON, and of what a journal holds: in this
 * process, without a child for every line.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createClient, fileJournal, type PostOptions } from 'post-once-exactly/client'
import { withFolder } from '../../examples/shop/support.js'
import { poeHere } from './fake-terminal.js'
import { ORDER, withServer } from './poe.js'

const QUICK = ['--tries', '1', '--timeout', '300', '--total', '900']

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Row {
  readonly title: string
  readonly post: Answer | null
  readonly get?: Answer
  readonly said: RegExp
  readonly outcome: string
  readonly code: number
}

const NEVER_ISSUED: Answer = { status: 404 }
const PROBLEM = { 'content-type': 'application/problem+json' }
const ROWS: readonly Row[] = [
  {
    title: 'accepted',
    post: { status: 201, headers: { location: '/orders/7' }, body: 'order 7' },
    said: /accepted/,
    outcome: 'accepted',
    code: 0,
  },
  {
    title: 'accepted earlier, with the same content',
    post: {
      status: 405,
      headers: { ...PROBLEM, allow: 'GET' },
      body: '{"payloadMatches":true}',
    },
    get: { status: 200, body: 'order 7' },
    said: /accepted|earlier/,
    outcome: 'accepted-earlier',
    code: 0,
  },
  {
    title: 'used before, with other content and a fresh link',
    post: {
      status: 405,
      headers: { ...PROBLEM, allow: 'GET' },
      body: '{"payloadMatches":false,"link":"/once/fresh"}',
    },
    get: { status: 200, body: 'order 7' },
    said: /used/,
    outcome: 'used-before',
    code: 1,
  },
  {
    title: 'refused',
    post: { status: 422, body: 'no' },
    said: /refused.*422/,
    outcome: 'refused',
    code: 1,
  },
  {
    title: 'sent to another origin',
    post: { status: 307, headers: { location: 'https://other.example/' } },
    said: /other/,
    outcome: 'refused',
    code: 1,
  },
  { title: 'gone', post: { status: 404 }, said: /gone/, outcome: 'gone', code: 1 },
  {
    title: 'unproven',
    post: { status: 302, headers: { location: '/login' } },
    get: { status: 200, body: 'log in' },
    said: /unknown/,
    outcome: 'unknown',
    code: 3,
  },
  { title: 'no answer', post: null, said: /unknown/, outcome: 'unknown', code: 3 },
  {
    title: 'no answer but 503',
    post: { status: 503, headers: { 'retry-after': '9999' } },
    said: /unknown/,
    outcome: 'unknown',
    code: 3,
  },
]

describe('what poe says of each ending', () => {
  for (const { title, post, get = { status: 404 }, said, outcome, code } of ROWS) {
    it(`${title}: in text and as JSON`, async () => {
      await withServer(
        ({ method, path }, response) => {
          const asked = path === '/once/t' ? get : NEVER_ISSUED
          const answer = method === 'POST' ? post : asked
          if (answer === null) return
          response.writeHead(answer.status, { ...answer.headers }).end(answer.body ?? '')
        },
        async ({ origin }) => {
          const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER, ...QUICK]
          const text = await poeHere(args)
          expect(text.err).to.match(said)
          expect(text.code).to.equal(code)
          const json = await poeHere([...args, '--output', 'json'], { isColoured: true })
          expect(JSON.parse(json.out)).to.include({ outcome, attempts: 1 })
          expect(json.code).to.equal(code)
        },
      )
    })
  }

  it('what a journal holds is told line by line, or as JSON', async () => {
    await withFolder(async folder => {
      const file = join(folder, 'poe.journal')
      let status: number | null = null
      await withServer(
        (_seen, response) => {
          if (status !== null) response.writeHead(status).end('done')
        },
        async ({ origin }) => {
          for (const [end, code, said] of [
            [null, 3, /unknown/],
            [410, 3, /does not know the link any more/],
            [404, 3, /or not by this login/],
            [201, 0, /accepted/],
          ] as const) {
            status = null
            await leaveOne(file, `${origin}/once/${code}`)
            status = end
            const output = end === 201 ? ['--output', 'json'] : []
            const told = await poeHere(['resume', '--journal', file, ...QUICK, ...output])
            expect(`${told.out}${told.err}`).to.match(said)
            expect(told.code).to.equal(code)
          }
        },
      )
      const left = await poeHere(['resume', '--journal', join(folder, 'none.journal')])
      expect(left.code).to.equal(0)
      expect(`${left.out}${left.err}`).to.match(/nothing to resume/i)
    })
  })

  it('[FALSE-4380] a key past its life is told once, with the key', async () => {
    await withFolder(async folder => {
      const file = join(folder, 'poe.journal')
      await withServer(
        () => {},
        async ({ origin }) => {
          await leaveOne(file, `${origin}/payments`, {
            idempotencyKey: 'k 7',
            expiresAtMs: soon(500),
          })
        },
      )
      await sleep(500)
      const told = await poeHere(['resume', '--journal', file])
      expect(told.code).to.equal(3)
      expect(told.out).to.match(/payments unknown: .*may have forgotten the key 'k 7'/)
      expect(told.err).to.match(/asking again cannot tell/i)
      const next = await poeHere(['resume', '--journal', file])
      expect(next.code).to.equal(0)
      expect(next.err).to.match(/nothing to resume/i)
    })
  })
})

function soon(ms: number): number {
  return Date.now() + ms
}

/** A POST whose answer never came, left in the journal. */
async function leaveOne(
  file: string,
  link: string,
  given: PostOptions = { expiresAtMs: soon(60_000) },
): Promise<void> {
  const journal = await fileJournal(file)
  const client = createClient({ journal, tries: 1, timeoutMs: 50, totalMs: 50 })
  expect(await client.post(link, 'tea', given)).to.include({ outcome: 'unknown' })
  await journal.close()
}
