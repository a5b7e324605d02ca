/** What `poe post` sends, from where it takes it, and in which form it prints what came back. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { withFolder } from '../../examples/shop/support.js'
import type { Terminal } from '../../lib/cli/command.js'
import { strippedModule } from '../support/stripped-tree.js'
import { poeHere } from './fake-terminal.js'
import { endPoes, poe, printed, type Seen, type Start, withServer } from './poe.js'

const ACCEPT = (_seen: Seen, response: ServerResponse) => void response.writeHead(201).end('done')

/** What a server is sent: from this process, or from one that is piped something. */
async function sent(
  args: readonly string[],
  about: Partial<Terminal> & Pick<Start, 'input'> = {},
): Promise<Seen | undefined> {
  let seen: Seen[] = []
  await withServer(ACCEPT, async server => {
    seen = server.seen
    const all = ['post', '--link', `${server.origin}/once/t`, ...args]
    const { input, ...terminal } = about
    const ended = await (input === undefined ? poeHere(all, terminal) : poe(all, { input }))
    expect(ended.err).to.match(/^(?:Type .*\n)?accepted/)
    expect([ended.code, ended.out]).to.deep.equal([0, 'done'])
  })
  expect(seen).to.have.lengthOf(1)
  return seen[0]
}

/** What `--output json` says of an answer's content. */
async function bodyOf(content: string | Buffer, type?: string): Promise<unknown> {
  let body: unknown
  await withServer(
    (_seen, response) => {
      response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(content)
    },
    async ({ origin }) => {
      const args = ['post', '--link', `${origin}/t`, '--data', '', '--output', 'json']
      const ended = await poeHere(args)
      body = printed(ended).body
    },
  )
  return body
}

describe('poe post: its content', () => {
  afterEach(endPoes)

  for (const [args, type, body] of [
    [['--json', '{ "a": 1.10 }'], 'application/json', '{ "a": 1.10 }'],
    [['--form', 'a=1&b=%20c'], 'application/x-www-form-urlencoded', 'a=1&b=%20c'],
    [['--data', 'plain'], 'application/octet-stream', 'plain'],
    [['--data', ''], 'application/octet-stream', ''],
    [['--data', 'x', '--header', 'content-type: text/plain'], 'text/plain', 'x'],
    [['--json', '{}', '-H', 'Content-Type: application/a+json'], 'application/a+json', '{}'],
  ] as const) {
    it(`${args.join(' ')}: byte for byte, as ${type}`, async () => {
      const seen = await sent(args)
      expect(seen?.headers['content-type']).to.equal(type)
      expect(seen?.body).to.equal(body)
      expect(seen?.headers.poe).to.equal('1')
    })
  }

  it('--data @- and -: what is piped in', async () => {
    for (const flag of ['@-', '-']) {
      const seen = await sent(['--data', flag], { input: 'from a pipe\n' })
      expect(seen?.body).to.equal('from a pipe\n')
    }
  })

  it('--data @file: where the command was typed, under npm too', () =>
    withFolder(async folder => {
      await mkdir(join(folder, 'sub'))
      await writeFile(join(folder, 'order'), 'outside')
      await writeFile(join(folder, 'sub/order'), 'inside')
      const manifest = join(folder, 'package.json')
      const sub = join(folder, 'sub')
      for (const [env, body] of [
        [{}, 'outside'],
        [{ INIT_CWD: sub }, 'inside'],
        [{ INIT_CWD: sub, npm_package_json: manifest }, 'inside'],
        // The script went to another folder by itself, and means that one.
        [{ INIT_CWD: sub, npm_package_json: '/else/package.json' }, 'outside'],
      ] as const) {
        const seen = await sent(['--data', '@order'], { folder, env })
        expect(seen?.body, JSON.stringify(env)).to.equal(body)
      }
    }))

  it('a file that is larger than the client keeps by itself', () =>
    withFolder(async folder => {
      const file = join(folder, 'large')
      await writeFile(file, Buffer.alloc(17 * 1024 * 1024, 'x'))
      const seen = await sent(['--data', `@${file}`])
      expect(seen?.body).to.have.lengthOf(17 * 1024 * 1024)
    }))

  it('npm run --silent poe, from another folder', () =>
    withFolder(folder =>
      withServer(ACCEPT, async ({ origin, seen }) => {
        await writeFile(join(folder, 'order.json'), '{"sku":"lamp"}')
        const run = ['--prefix', fileURLToPath(new URL('../..', import.meta.url)), 'run']
        const command = ['--silent', 'poe', '--', 'post', '--link', `${origin}/t`]
        const child = spawn('npm', [...run, ...command, '--data', '@order.json'], { cwd: folder })
        const [code] = await once(child, 'close')
        expect([code, seen[0]?.body]).to.deep.equal([0, '{"sku":"lamp"}'])
      }),
    ))
})

describe('poe post: what came back', () => {
  afterEach(endPoes)

  for (const [content, type, body] of [
    ['{"id":7}', 'application/json; charset=utf-8', { id: 7 }],
    ['{"title":"no"}', 'application/problem+json', { title: 'no' }],
    ['null', 'application/json', null],
    ['{broken', 'application/json', '{broken'],
    ['{"id":7}', 'text/plain', '{"id":7}'],
    ['für', undefined, 'für'],
    [Buffer.from('f\xfcr', 'latin1'), 'text/plain; charset="iso-8859-1"', 'für'],
    [Buffer.from('f\xfcr', 'latin1'), 'text/plain', { base64: 'Zvxy' }],
    [Buffer.from([0, 1, 2]), 'image/x', { base64: 'AAEC' }],
    ['', 'text/plain', null],
  ] as const) {
    const shown = typeof content === 'string' ? content : content.toString('hex')
    it(`${type} ${JSON.stringify(shown)} is ${JSON.stringify(body)}`, async () => {
      expect(await bodyOf(content, type)).to.deep.equal(body)
    })
  }

  it('as text it is what came, byte for byte', () =>
    withServer(
      (_seen, response) => void response.writeHead(201).end(Buffer.from([0xff, 0, 0x0a])),
      async ({ origin }) => {
        const ended = await poeHere(['post', '--link', `${origin}/t`, '--data', ''])
        expect(ended.out).to.equal('\xff\0\n')
      },
    ))

  it('on a terminal: no bytes that are no text, and a line ends', async () => {
    for (const [content, out, err] of [
      [Buffer.from([0xff, 0, 0x0a]), '', /3 bytes that are no text/],
      [Buffer.from('text'), 'text\n', /^accepted/],
      [Buffer.from('text\n'), 'text\n', /^accepted/],
    ] as const) {
      await withServer(
        (_seen, response) => void response.writeHead(201).end(content),
        async ({ origin }) => {
          const args = ['post', '--link', `${origin}/t`, '--data', '']
          const ended = await poeHere(args, { isWatched: true })
          expect(ended.out).to.equal(out)
          expect(ended.err).to.match(err)
        },
      )
    }
  })

  it('an answer that breaks off: it took effect all the same, exit 0', () =>
    withServer(
      ({ method }, response) => {
        if (method === 'GET') return void response.writeHead(503).end()
        response.writeHead(201, { 'content-length': '10' }).write('half')
        setTimeout(() => response.destroy(), 50)
      },
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/t`, '--data', '', '--output', 'json']
        const ended = await poeHere([...args, '--timeout', '1000', '--total', '1500'])
        expect(printed(ended)).to.include({ outcome: 'accepted', status: 201, body: null })
        expect(printed(ended).bodyError).to.be.a('string')
        expect(ended.err).to.include('The content of the answer could not be read: ')
        expect(ended.code).to.equal(0)
      },
    ))

  it('a refusal whose content never ends does not hold the command', () =>
    withServer(
      (_seen, response) => void response.writeHead(422).write('{'),
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/t`, '--data', '', '--timeout', '1000']
        const ended = await poeHere(args)
        expect(ended.err).to.include('could not be read: no answer within 1000 ms')
        expect(ended.code).to.equal(1)
      },
    ))

  for (const [status, code] of [
    [201, 0],
    [422, 1],
  ] as const) {
    it(`[FALSE-4585] ${status} with content that grows without an end: told without it`, () =>
      withServer(
        (_seen, response) => {
          response.writeHead(status, { 'content-encoding': 'gzip' })
          const piece = gzipSync(Buffer.alloc(4_194_304))
          const go = () => {
            while (response.write(piece));
            response.once('drain', go)
          }
          go()
        },
        async ({ origin }) => {
          const ended = await poeHere(['post', '--link', `${origin}/t`, '--data', ''])
          expect(ended.err).to.include('could not be read: it is longer than 64 MiB')
          expect([ended.code, ended.out]).to.deep.equal([code, ''])
        },
      ))
  }

  it('a reader that has gone changes nothing', () =>
    withServer(
      (_seen, response) => void response.writeHead(201).end('x'.repeat(1_000_000)),
      async ({ origin, seen }) => {
        const script = `"$0" "$@" | true; exit \${PIPESTATUS[0]}`
        const command = [process.execPath, strippedModule('lib/cli/main.ts'), 'post']
        const args = [...command, '--link', `${origin}/t`, '--data', 'x']
        const [code] = await once(spawn('bash', ['-c', script, ...args]), 'close')
        expect([code, seen.length]).to.deep.equal([0, 1])
      },
    ))
})
