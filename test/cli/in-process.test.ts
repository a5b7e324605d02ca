/**
 * Where links are looked for, what a journal may be, and what is said when nothing can be sent: the
 * dispatcher in this process, real servers.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { withFolder } from '../../examples/shop/support.js'
import { poeHere } from './fake-terminal.js'
import { ORDER, withServer } from './poe.js'

const QUICK = ['--tries', '1', '--timeout', '300', '--total', '900']

type Page = readonly [status: number, headers?: Record<string, string>, body?: string]

interface Row {
  readonly title: string
  readonly args: readonly string[]
  /** What a GET of the page is answered. */
  readonly page?: Page
  readonly said: RegExp
  readonly code: number
}

const ONE = { 'poe-links': '"/once/t"' }
const WITH_LINK: Page = [200, ONE]
const POST = ['post', 'PAGE', '--json', ORDER]
const ROWS: readonly Row[] = [
  { title: 'a page with one link', args: POST, page: [200, ONE], said: /accepted/, code: 0 },
  {
    title: 'a page with two links',
    args: POST,
    page: [200, { 'poe-links': '"/once/t", "/once/u"' }],
    said: /several|2 links|--link/,
    code: 2,
  },
  { title: 'a page without links', args: POST, page: [200], said: /no link/i, code: 1 },
  { title: 'a page that is refused', args: POST, page: [403], said: /403/, code: 1 },
  { title: 'a page that is broken', args: POST, page: [500], said: /500/, code: 1 },
  { title: 'a page that is not there', args: POST, page: [404], said: /accepted/, code: 0 },
  {
    title: 'a page that is an unused link',
    args: POST,
    page: [
      405,
      { allow: 'POST', 'content-type': 'application/problem+json' },
      '{"type":"urn:post-once-exactly:problem:unspent"}',
    ],
    said: /accepted/,
    code: 0,
  },
  {
    title: 'a page that takes no POST either',
    args: POST,
    page: [405, { allow: 'GET' }],
    said: /405/,
    code: 1,
  },
  {
    title: 'an error page that announces a link',
    args: POST,
    page: [404, ONE],
    said: /accepted/,
    code: 0,
  },
  {
    title: 'the links of a page',
    args: ['links', 'PAGE'],
    page: [200, ONE],
    said: /\/once\/t/,
    code: 0,
  },
  {
    title: 'the links of a page as JSON',
    args: ['links', 'PAGE', '--output', 'json'],
    page: [200, ONE],
    said: /"link"/,
    code: 0,
  },
  { title: 'no links', args: ['links', 'PAGE'], page: [200], said: /no link/i, code: 1 },
  {
    title: 'content from standard input',
    args: ['post', '--link', 'LINK', '--data', '@-', '--header', 'Content-Type: text/tea'],
    said: /accepted/,
    code: 0,
  },
  {
    title: 'a form',
    args: ['post', '--link', 'LINK', '--form', 'sku=tea'],
    said: /accepted/,
    code: 0,
  },
  {
    title: 'a key',
    args: ['post', 'PAGE', '--json', ORDER, '--idempotency-key', 'auto'],
    said: /accepted/,
    code: 0,
  },
]

describe('poe, in this process', () => {
  for (const { title, args, page = WITH_LINK, said, code } of ROWS) {
    it(`${title}: exit ${code}`, async () => {
      await withServer(
        ({ method }, response) => {
          if (method === 'POST') response.writeHead(201, { location: '/once/t' }).end('done')
          else answer(response, page)
        },
        async ({ origin }) => {
          const given = args.map(arg =>
            arg.replace('PAGE', `${origin}/page`).replace('LINK', `${origin}/once/t`),
          )
          const limits = args[0] === 'post' ? QUICK : []
          const told = await poeHere([...given, ...limits], { stdin: () => Readable.from(['tea']) })
          expect(`${told.out}${told.err}`).to.match(said)
          expect(told.code).to.equal(code)
        },
      )
    })
  }

  it('what may be no endpoint for links is asked once, also when its answer is lost', async () => {
    let posts = 0
    await withServer(
      ({ method }, response) => {
        if (method !== 'POST') return response.writeHead(404).end()
        posts += 1
        return response.destroy()
      },
      async ({ origin }) => {
        const told = await poeHere(['post', `${origin}/orders`, '--json', ORDER])
        expect([told.code, posts]).to.deep.equal([1, 1])
      },
    )
  })

  it('[FALSE-4210] a journal that is a folder, a pipe or another file', async () => {
    await withFolder(async folder => {
      await mkdir(join(folder, 'folder'))
      await writeFile(join(folder, 'other.txt'), 'a letter')
      execFileSync('mkfifo', [join(folder, 'pipe')])
      for (const [name, said] of [
        ['folder', /cannot be/],
        ['other.txt', /another kind/],
        ['pipe', /cannot be/],
        ['none/poe.journal', /cannot be/],
      ] as const) {
        const journal = ['--journal', join(folder, name)]
        const told = await poeHere([
          'post',
          '--link',
          'http://127.0.0.1:1/x',
          '--json',
          '1',
          ...journal,
        ])
        expect(told.err, name).to.match(said)
        expect(told.code, name).to.equal(2)
      }
    })
  })

  it('what is asked of the program itself', async () => {
    expect(await poeHere([])).to.include({ code: 2 })
    expect(await poeHere(['--help'])).to.include({ code: 0 })
    expect((await poeHere(['--version'])).out).to.match(/^\d+\.\d+\.\d+/)
    expect((await poeHere(['pots'])).err).to.match(/no command 'pots'/)
    for (const name of ['post', 'resume', 'links', 'migrate']) {
      expect((await poeHere([name, '--help'])).out).to.include(`poe ${name}`)
    }
  })
})

function answer(response: ServerResponse, page: Page): void {
  const [status, headers = {}, body = ''] = page
  response.writeHead(status, headers).end(body)
}
