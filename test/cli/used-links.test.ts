/** A link that was used already at the first try: what is said of it depends on who used it. */
import { join } from 'node:path'
import { expect } from 'chai'
import { fileJournal } from 'post-once-exactly/client'
import { withFolder } from '../../examples/shop/support.js'
import { poeHere } from './fake-terminal.js'
import { ORDER, type Scripted, withServer } from './poe.js'

const RESULT = '</orders/1>; rel="related urn:post-once-exactly:rel:result"; anchor="/once/t"'
const TYPE = 'application/problem+json'

/** What the refusal says, and whether that is word of another's content. */
const REFUSALS = [
  ['nothing of the content', { allow: 'GET', link: RESULT }, ''],
  ['a page of a gateway', { allow: 'GET', link: RESULT, 'content-type': 'text/html' }, '<h1>Sorry'],
  ['that it cannot say', { allow: 'GET', link: RESULT, 'content-type': TYPE }, '{"title":"used"}'],
  ['nonsense', { allow: 'GET', link: RESULT, 'content-type': TYPE }, '{"payloadMatches":"no"}'],
] as const

async function withUsed(
  headers: Readonly<Record<string, string>>,
  content: string,
  use: (server: Scripted) => Promise<void>,
): Promise<void> {
  await withServer(({ method, path }, response) => {
    if (path !== '/once/t') response.writeHead(404).end()
    else if (method === 'GET') response.writeHead(200, { allow: 'GET' }).end('order 1')
    else response.writeHead(405, headers).end(content)
  }, use)
}

describe('a link that was used before the first try', () => {
  for (const [what, headers, content] of REFUSALS) {
    it(`[FALSE-741] the refusal says ${what}: unknown, final, where the result is, exit 3`, () =>
      withUsed(headers, content, async ({ origin, seen }) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER]
        const text = await poeHere(args)
        expect(text.err).to.match(/^unknown: it may or may not have taken effect: the link was/m)
        expect(text.err).to.not.match(/did not take effect|fresh link/)
        expect(text.err).to.include(`${origin}/orders/1`)
        expect(text.code).to.equal(3)
        const json = await poeHere([...args, '--output', 'json'])
        expect(JSON.parse(json.out)).to.include({
          outcome: 'unknown',
          isFinal: true,
          location: `${origin}/orders/1`,
          status: 405,
        })
        expect(json.code).to.equal(3)
        expect(seen.filter(({ method }) => method === 'POST')).to.have.length(2)
      }))
  }

  it('[FALSE-742] it says that the content was another’s: that did not take effect, exit 1', () =>
    withUsed(
      { allow: 'GET', link: RESULT, 'content-type': TYPE },
      '{"payloadMatches":false,"link":"/once/fresh"}',
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER]
        const text = await poeHere(args)
        expect(text.err).to.match(/^used-before: this did not take effect: .* with other content/)
        expect(text.code).to.equal(1)
      },
    ))

  it('[FALSE-743] resumed: what stays open is told with the link, exit 3', () =>
    withFolder(async folder => {
      await withServer(
        ({ method, path }, response) => {
          if (method === 'POST') response.writeHead(405, { allow: 'POST' }).end()
          else response.writeHead(path === '/once/t' ? 503 : 404).end()
        },
        async ({ origin }) => {
          const file = join(folder, 'poe.journal')
          const journal = await fileJournal(file)
          const hold = await journal.begin({
            id: 'a',
            link: `${origin}/once/t`,
            isRepeatable: true,
            idempotencyKey: null,
            body: new TextEncoder().encode(ORDER),
            headers: [],
            createdAtMs: 1,
            expiresAtMs: null,
          })
          await hold.leave()
          await journal.close()
          const told = await poeHere(['resume', '--journal', file, '--tries', '1'])
          expect(told.code).to.equal(3)
          expect(`${told.out}${told.err}`).to.not.match(/did not take effect/)
        },
      )
    }))
})
