/** What was given for one origin, fields and content, goes to no other, and nothing hangs. */
import { join } from 'node:path'
import { expect } from 'chai'
import { fileJournal } from 'post-once-exactly/client'
import { withFolder } from '../../examples/shop/support.js'
import { BOUNDED_MS } from '../support/meeting.js'
import { poeHere } from './fake-terminal.js'
import { endPoes, ORDER, type Scripted, withServer } from './poe.js'

const FIELDS = ['X-Api-Key: s3cret', 'Authorization: Bearer s3cret', 'X-Any: s3cret']
const QUICK = ['--tries', '2', '--timeout', '300', '--total', '2000']

/** Two servers; the other one takes whatever comes. */
async function withTwo(
  answer: (path: string, method: string, other: Scripted) => Parameters<Redirect>,
  use: (own: Scripted, other: Scripted) => Promise<void>,
): Promise<void> {
  await withServer(
    ({ method }, response) => {
      response.writeHead(method === 'GET' ? 200 : 201, { 'poe-links': '"/steal"' }).end('x')
    },
    other =>
      withServer(
        ({ path, method }, response) => {
          const [status, headers] = answer(path, method, other)
          response.writeHead(status, headers).end('{"link":"/once/t"}')
        },
        own => use(own, other),
      ),
  )
}

type Redirect = (status: number, headers: Readonly<Record<string, string>>) => void

describe('one origin', () => {
  afterEach(endPoes)

  for (const status of [301, 302, 303, 307, 308]) {
    it(`[FALSE-1921] a page that leads elsewhere by ${status}: nothing is sent there`, () =>
      withTwo(
        (path, _method, other) => {
          // The second hop only, too: the first one is a page of the same server.
          return path === '/basket'
            ? [status, { location: '/there' }]
            : [status, { location: `${other.origin}/fake` }]
        },
        async ({ origin }, other) => {
          for (const field of FIELDS) {
            for (const how of [[], ['--mint']]) {
              const args = [`${origin}/basket`, ...how, '--header', field, ...QUICK]
              const post = await poeHere(['post', ...args, '--json', ORDER])
              expect(post.err).to.include(`The page leads to ${other.origin}`)
              const links = await poeHere(['links', ...args])
              expect([post.code, links.code, links.out]).to.deep.equal([1, 1, ''])
            }
          }
          expect(other.seen).to.deep.equal([])
        },
      ))
  }

  it('[FALSE-1921] a redirect within the origin is followed, fields and all', () =>
    withTwo(
      (path, method) => {
        if (path === '/basket') return [302, { location: '/sub/page' }]
        return [method === 'GET' ? 200 : 201, { 'poe-links': '"t"' }]
      },
      async ({ origin, seen }) => {
        const ended = await poeHere([
          'post',
          `${origin}/basket`,
          '-H',
          'X-Api-Key: k',
          '--json',
          ORDER,
        ])
        expect(ended.code, ended.err).to.equal(0)
        const told = seen.map(({ path, headers }) => `${path} ${headers['x-api-key']}`)
        expect(told).to.deep.equal(['/basket k', '/sub/page k', '/sub/t k'])
      },
    ))

  it('[FALSE-1922] a result that leads elsewhere in the end: nothing is sent there', () =>
    withTwo(
      (path, method, other) => {
        if (method === 'POST') return [303, { location: '/result' }]
        if (path === '/result') return [302, { location: `${other.origin}/result` }]
        return [303, { location: '/result', allow: 'GET' }]
      },
      async ({ origin }, other) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER, ...QUICK]
        await poeHere([...args, '-H', 'X-Api-Key: s3cret'])
        expect(other.seen).to.deep.equal([])
      },
    ))

  it('[FALSE-1923] a journal that leads to two: fields go where --origin says, or nowhere', () =>
    withFolder(folder =>
      withTwo(
        () => [201, {}],
        async (own, other) => {
          const file = join(folder, 'poe.journal')
          const journal = await fileJournal(file)
          for (const { origin } of [own, other]) {
            const hold = await journal.begin({
              id: origin.replace(/\W+/g, '-'),
              link: `${origin}/once/t`,
              isRepeatable: true,
              idempotencyKey: null,
              body: new TextEncoder().encode(ORDER),
              headers: [],
              createdAtMs: 1,
              expiresAtMs: null,
            })
            await hold.leave()
          }
          await journal.close()
          const resume = ['resume', '--journal', file, '-H', 'X-Api-Key: s3cret']
          const both = await poeHere(resume)
          expect(both.err).to.include('--origin')
          expect([both.code, own.seen.length, other.seen.length]).to.deep.equal([2, 0, 0])
          const one = await poeHere([...resume, '--origin', own.origin])
          expect([one.code, other.seen.length]).to.deep.equal([0, 0])
          expect(own.seen.at(-1)?.headers['x-api-key']).to.equal('s3cret')
          const rest = await poeHere(['resume', '--journal', file])
          expect(rest.code).to.equal(0)
          expect(other.seen.at(-1)?.headers).to.not.have.property('x-api-key')
        },
      ),
    ))
})

describe('a page that never ends', () => {
  for (const what of ['content', 'head'] as const) {
    for (const command of ['post', 'links', 'mint'] as const) {
      it(`[FALSE-2021] ${command}, by its ${what}: told in time, nothing sent`, async () => {
        const timers: NodeJS.Timeout[] = []
        await withServer(
          (_seen, response) => {
            if (what === 'head') return
            response.writeHead(200, { 'content-type': 'application/json', 'poe-links': '"/o/1"' })
            timers.push(setInterval(() => response.write(' '), 50))
          },
          async ({ origin, seen }) => {
            const name = command === 'links' ? 'links' : 'post'
            const more = command === 'mint' ? ['--mint'] : []
            const content = name === 'post' ? ['--json', ORDER] : []
            const began = performance.now()
            const ended = await poeHere([name, origin, ...more, ...content, ...QUICK])
            expect(ended.code).to.equal(1)
            expect(ended.err).to.include('no answer within 300 ms')
            expect(performance.now() - began).to.be.below(BOUNDED_MS)
            expect(seen.some(({ path }) => path === '/o/1')).to.equal(false)
          },
        )
        for (const timer of timers) clearInterval(timer)
      })
    }
  }

  it('[FALSE-2022] redirects without an end: told, nothing sent', () =>
    withServer(
      (_seen, response) => void response.writeHead(302, { location: '/again' }).end(),
      async ({ origin }) => {
        const ended = await poeHere(['post', origin, '--json', ORDER, ...QUICK])
        expect([ended.code, ended.err.includes('redirects')]).to.deep.equal([1, true])
      },
    ))
})
