/** Links: how they are found, shown and kept, and what goes to another origin. */
import { expect } from 'chai'
import { freePort } from '../support/servers/programs.js'
import { poeHere } from './fake-terminal.js'
import { endPoes, ORDER, poe, printed, withProxiedShop, withServer } from './poe.js'

describe('poe links', () => {
  afterEach(endPoes)

  it('prints the links of a page, one on a line', () =>
    withProxiedShop(async ({ origin }) => {
      const text = await poe(['links', `${origin}/basket`])
      expect(text.out).to.match(new RegExp(`^${origin}/orders/once/\\S+\n$`))
      expect([text.code, text.err]).to.deep.equal([0, ''])
      const json = await poe(['links', `${origin}/basket/links`, '--mint', '--output', 'json'])
      const [found] = JSON.parse(json.out) as { link: string; expires: string }[]
      expect(found?.link).to.match(/^http/)
      expect(new Date(found?.expires ?? '').toISOString()).to.equal(found?.expires)
    }))

  it('asks by nothing but GET unless --mint is given', () =>
    withServer(
      (_seen, response) => void response.writeHead(405, { allow: 'POST' }).end(),
      async ({ origin, seen }) => {
        const ended = await poeHere(['links', origin, '--output', 'json'])
        expect([ended.code, ended.out]).to.deep.equal([1, '[]\n'])
        expect(ended.err).to.include('names no link (the server answered 405 Method Not Allowed)')
        expect(seen.map(({ method }) => method)).to.deep.equal(['GET'])
      },
    ))

  it('says each try at a page that cannot be had', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`
    const ended = await poeHere(['links', url, '--tries', '2'])
    const line = 'Looking for a link: nobody listens there (connection refused).\n'
    expect(ended.err).to.equal(
      `${line}${line}${url} cannot be had: nobody listens there (connection refused).\n`,
    )
    expect(ended.code).to.equal(1)
  })

  it('a page that never comes', () =>
    withServer(
      () => {},
      async ({ origin }) => {
        const limits = ['--tries', '1', '--timeout', '200']
        const ended = await poeHere(['links', origin, ...limits])
        expect(ended.err).to.match(/^Looking for a link: no answer within 200 ms\.\n/)
        expect(ended.code).to.equal(1)
      },
    ))

  it('a page that needs a login: says so, and shows it to nobody', () =>
    withServer(
      ({ headers }, response) => {
        const isIn = headers.authorization === 'Bearer s3cret'
        response.writeHead(isIn ? 200 : 401, isIn ? { 'poe-links': '"/once/t"' } : {}).end()
      },
      async ({ origin }) => {
        const without = await poeHere(['links', origin])
        expect(without.err).to.include("Give it with --header 'Authorization: ...'")
        const ended = await poeHere(['links', origin, '-H', 'Authorization: Bearer s3cret'])
        expect([ended.out, ended.err]).to.deep.equal([`${origin}/once/t\n`, ''])
      },
    ))
})

describe('poe post: the link that is taken', () => {
  afterEach(endPoes)

  it('of several none: exit 2, told without their tokens, nothing sent', () =>
    withServer(
      ({ method }, response) => {
        const links = '"/once/abcdefghijkl", "/once/klmnopqrstuv?x=1"'
        response.writeHead(method === 'GET' ? 200 : 201, { 'poe-links': links }).end()
      },
      async ({ origin, seen }) => {
        const ended = await poeHere(['post', origin, '--json', ORDER])
        expect(ended.err).to.include(`1. ${origin}/once/abcd…\n  2. ${origin}/once/klmn…?…\n`)
        expect(ended.err).to.include(
          '`poe links` prints them in full; choose one of them with --link',
        )
        expect(ended.err).not.to.match(/abcdefg|klmnop/)
        expect([ended.code, ended.out, seen.length]).to.deep.equal([2, '', 1])
        const one = ['post', origin, '--link', '/once/abcdefghijkl', '--json', ORDER]
        expect((await poeHere(one)).code).to.equal(0)
        expect(seen.at(-1)).to.include({ method: 'POST', path: '/once/abcdefghijkl' })
      },
    ))

  it('of a 404 that has one all the same', () =>
    withServer(
      ({ method }, response) => {
        response.writeHead(method === 'GET' ? 404 : 201, { 'poe-links': '"/once/t"' }).end()
      },
      async ({ origin, seen }) => {
        const ended = await poeHere(['post', origin, '--json', ORDER])
        expect(ended.code).to.equal(0)
        expect(seen.map(({ path }) => path)).to.deep.equal(['/', '/once/t'])
      },
    ))

  it('a login does not follow a page to another origin', () =>
    withServer(
      (_seen, response) => void response.writeHead(200, { 'poe-links': '"/once/t"' }).end(),
      other =>
        withServer(
          (_seen, response) => void response.writeHead(302, { location: other.origin }).end(),
          async ({ origin }) => {
            const post = ['post', origin, '--json', ORDER]
            const ended = await poeHere([...post, '--header', 'Cookie: s3cret=1'])
            expect(ended.err).to.match(/nothing was sent\. The page leads to .* a login for/)
            expect(ended.err).not.to.include('s3cret')
            expect(ended.code).to.equal(1)
            expect((await poeHere(post)).code, 'the content does not go there either').to.equal(1)
            expect(other.seen).to.deep.equal([])
          },
        ),
    ))

  it('a 307 to another origin is not followed: exit 1', () =>
    withServer(
      (_seen, response) => {
        response.writeHead(307, { location: 'http://elsewhere.example/x' }).end()
      },
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/t`, '--json', ORDER, '--output', 'json']
        const ended = await poeHere(args)
        const location = 'http://elsewhere.example/x'
        expect(printed(ended)).to.include({ outcome: 'refused', reason: 'redirected', location })
        expect(ended.code).to.equal(1)
      },
    ))

  it('--idempotency-key: no link is looked for, and every try has the key', async () => {
    for (const [given, pattern] of [
      ['order-7', /^order-7$/],
      ['auto', /^[0-9a-f-]{36}$/],
    ] as const) {
      let posts = 0
      await withServer(
        (_seen, response) => {
          posts += 1
          if (posts === 1) response.destroy()
          else response.writeHead(201).end()
        },
        async ({ origin, seen }) => {
          const args = ['post', `${origin}/payments`, '--json', '1', '--output', 'json']
          const ended = await poeHere([...args, '--idempotency-key', given])
          const { idempotencyKey } = printed(ended)
          expect(idempotencyKey).to.match(pattern)
          const keys = seen.map(({ headers }) => headers['idempotency-key'])
          expect(keys).to.deep.equal([`"${idempotencyKey}"`, `"${idempotencyKey}"`])
          expect(ended.code).to.equal(0)
        },
      )
    }
  })

  it('[FALSE-3804] --idempotency-key: nothing is said of links where it is refused', async () => {
    for (const [status, said] of [
      [422, /^refused: .*\(422, 1 try\)\.\nWas this key sent before, with other content\? /],
      [404, /^gone: .*: the address is not known .*\nIs it the address that takes POSTs with keys/],
    ] as const) {
      await withServer(
        (_seen, response) => response.writeHead(status).end(),
        async ({ origin }) => {
          const args = ['post', `${origin}/payments`, '--json', '1', '--idempotency-key', 'k']
          const { code, err } = await poeHere(args)
          expect(code).to.equal(1)
          expect(err).to.match(said)
          expect(err).to.not.include('link')
        },
      )
    }
  })
})
