/** `poe resume`: processes that were killed, and what a journal holds after them. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { withFolder } from '../../examples/shop/support.js'
import { freePort } from '../support/servers/programs.js'
import { poeHere } from './fake-terminal.js'
import {
  type Ended,
  endPoes,
  ORDER,
  poe,
  type Running,
  startPoe,
  withProxiedShop,
  withServer,
} from './poe.js'

/** Fields of a link that takes a POST. */
const POST = { allow: 'POST' }
const ISSUED = ['/once/one', '/once/two']
const QUICK = ['--tries', '2', '--timeout', '600', '--total', '2500']

function array(ended: Ended): Record<string, unknown>[] {
  return JSON.parse(ended.out) as Record<string, unknown>[]
}

async function kill({ child, ended }: Running): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

/** Leaves an entry: a POST that gave up before a server that never answers. */
async function leaveOne(journal: string, origin: string, path = '/once/t'): Promise<Ended> {
  const args = ['post', '--link', `${origin}${path}`, '--json', ORDER, '--journal', journal]
  return await poeHere([...args, ...QUICK])
}

describe('poe resume', () => {
  afterEach(endPoes)

  it('kill -9 with the answer on its way: resume tells it, one order', () =>
    withFolder(folder =>
      withProxiedShop(async ({ origin, orders, link: takeLink }) => {
        const journal = join(folder, 'poe.journal')
        const link = await takeLink()
        const args = ['post', '--link', link, '--json', ORDER, '--journal', journal]
        const running = startPoe([...args, '-H', 'Demo-Fault: delay=400'], { input: '' })
        while (!existsSync(journal) || readFileSync(journal).length === 0) await pause(10)
        await pause(150)
        await kill(running)
        const ended = await poe(['resume', '--journal', journal, '--output', 'json'])
        expect(array(ended)).to.have.lengthOf(1)
        expect(array(ended)[0]).to.include({ link, location: `${origin}/orders/1` })
        expect(String(array(ended)[0]?.outcome)).to.match(/^accepted/)
        expect(array(ended)[0]?.body).to.include({ sku: 'lamp' })
        expect([ended.code, await orders()]).to.deep.equal([0, 1])
        const again = await poe(['resume', '--journal', journal])
        expect(again.err).to.include('Nothing to resume')
        expect([again.code, await orders()]).to.deep.equal([0, 1])
      }),
    ))

  it('kill -9 before anything arrived: resume sends it, one order, one line', () =>
    withFolder(folder =>
      withProxiedShop(async ({ proxy, orders, link: takeLink }) => {
        const journal = join(folder, 'poe.journal')
        const link = await takeLink('proxy')
        await proxy.set('half-open')
        const args = ['post', '--link', link, '--json', ORDER, '--journal', journal]
        const running = startPoe(args, { input: '' })
        while (proxy.counts.lostRequestBytes === 0) await pause(10)
        await kill(running)
        expect(await orders()).to.equal(0)
        await proxy.set('pass')
        const ended = await poe(['resume', '--journal', journal])
        expect(ended.out).to.match(/^http\S+…\S* accepted: it took effect .*\n$/)
        expect(ended.out).not.to.include(link)
        expect([ended.code, await orders()]).to.deep.equal([0, 1])
      }),
    ))

  it('no journal: nothing to resume, exit 0, and none is made', () =>
    withFolder(async folder => {
      const text = await poeHere(['resume', '--journal', 'no.journal'], { folder })
      expect(text.err).to.match(/^Nothing to resume: there is no journal .*no\.journal\.\n$/)
      expect([text.code, text.out]).to.deep.equal([0, ''])
      const json = await poeHere(['resume', '--journal', 'x/y', '--output', 'json'], { folder })
      expect([json.code, array(json)]).to.deep.equal([0, []])
      expect(await readdir(folder)).to.deep.equal([])
    }))

  it('what is settled at once leaves nothing', () =>
    withFolder(folder =>
      withProxiedShop(async ({ origin }) => {
        const journal = join(folder, 'poe.journal')
        const args = ['post', `${origin}/basket`, '--json', ORDER, '--journal', journal]
        expect((await poeHere(args)).code).to.equal(0)
        const ended = await poeHere(['resume', '--journal', journal])
        expect([ended.code, ended.out]).to.deep.equal([0, ''])
      }),
    ))

  it('one unknown: exit 3, and it stays; one refused and none unknown: exit 1', () =>
    withFolder(folder => {
      const answers = new Map<string, number>()
      return withServer(
        ({ path, method }, response) => {
          const status = answers.get(path)
          // That it is unspent, as no other address is, proves a refusal of the content.
          if (!ISSUED.includes(path)) response.writeHead(404).end()
          else if (method === 'GET')
            response.writeHead(status === undefined ? 503 : 405, POST).end()
          else if (status !== undefined) response.writeHead(status).end()
        },
        async ({ origin }) => {
          const journal = join(folder, 'poe.journal')
          const resume = ['resume', '--journal', journal, '--output', 'json']
          const [left] = await Promise.all([
            leaveOne(journal, origin, '/once/one'),
            leaveOne(journal, origin, '/once/two'),
          ])
          expect(left.err).to.include(`To settle it: poe resume --journal ${journal}`)
          expect(left.code).to.equal(3)
          answers.set('/once/one', 422)
          const mixed = await poeHere([...resume, '--tries', '1', '--timeout', '700'])
          const outcomes = array(mixed).map(({ outcome, reason }) => `${outcome} ${reason}`)
          expect(outcomes).to.have.members(['refused answered', 'unknown gave-up'])
          expect(mixed.code).to.equal(3)
          answers.set('/once/two', 422)
          const last = await poeHere(resume)
          expect(array(last).map(({ outcome }) => outcome)).to.deep.equal(['refused'])
          expect(last.code).to.equal(1)
        },
      )
    }))

  it('gives a login again, which no journal keeps', () =>
    withFolder(folder => {
      let isOpen = false
      return withServer(
        ({ headers }, response) => {
          if (isOpen)
            response.writeHead(headers.authorization === 'Bearer s3cret' ? 201 : 401).end()
        },
        async ({ origin, seen }) => {
          const journal = join(folder, 'poe.journal')
          const login = ['--header', 'Authorization: Bearer s3cret']
          const args = ['post', '--link', `${origin}/t`, '--json', ORDER, '--journal', journal]
          const left = await poeHere([...args, ...QUICK, ...login, '-H', 'X-Desk: 7'])
          expect(`${left.err}${left.out}`).not.to.include('s3cret')
          expect(readFileSync(journal, 'utf8')).not.to.include('s3cret')
          isOpen = true
          const ended = await poeHere(['resume', '--journal', journal, ...login])
          expect(ended.out).to.include('accepted: ')
          expect(ended.code).to.equal(0)
          expect(seen.at(-1)).to.deep.include({ method: 'POST', body: ORDER })
          expect(seen.at(-1)?.headers).to.include({
            'content-type': 'application/json',
            'x-desk': '7',
          })
        },
      )
    }))

  it('nobody listens: that is a refusal for good, and nothing is sent later', () =>
    withFolder(async folder => {
      const journal = join(folder, 'poe.journal')
      const left = await leaveOne(journal, `http://127.0.0.1:${await freePort()}`)
      expect(left.code).to.equal(1)
      const ended = await poeHere(['resume', '--journal', journal, ...QUICK])
      expect(`${ended.out}${ended.err}`).to.include('Nothing to resume')
      expect(ended.code).to.equal(0)
    }))

  it('a file of another kind is not touched: exit 2', () =>
    withFolder(async folder => {
      const file = join(folder, 'order.json')
      await writeFile(file, ORDER)
      for (const args of [
        ['resume', '--journal', file],
        ['post', '--link', 'http://127.0.0.1:9/x', '--json', ORDER, '--journal', file],
      ]) {
        const ended = await poeHere(args)
        expect(ended.err).to.include('is a file of another kind')
        expect([ended.code, ended.out]).to.deep.equal([2, ''])
      }
      expect(readFileSync(file, 'utf8')).to.equal(ORDER)
      expect(await readdir(folder)).to.deep.equal(['order.json'])
    }))

  it('a journal that is taken away in mid-flight: what is known is told all the same', () =>
    withFolder(folder =>
      withServer(
        (_seen, response) => {
          rmSync(join(folder, 'sub'), { recursive: true })
          response.writeHead(201).end('done')
        },
        async ({ origin }) => {
          await mkdir(join(folder, 'sub'))
          const ended = await leaveOne(join(folder, 'sub/poe.journal'), origin)
          expect(ended.err).to.match(/^accepted: /)
          expect([ended.code, ended.out]).to.deep.equal([0, 'done'])
        },
      ),
    ))
})
