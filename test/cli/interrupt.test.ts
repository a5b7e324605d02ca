/** SIGINT and SIGTERM: a command that is interrupted says what is known. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { withFolder } from '../../examples/shop/support.js'
import { endPoes, ORDER, poe, printed, startPoe, withProxiedShop, withServer } from './poe.js'

describe('poe, interrupted', () => {
  afterEach(endPoes)

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`${signal} in mid-flight: unknown, exit 3, at once, and how to settle it`, () =>
      withServer(
        () => {},
        async ({ origin, nextPost }) => {
          const link = `${origin}/once/t`
          const arrived = nextPost()
          const args = ['post', '--link', link, '--json', ORDER, '--output', 'json']
          const { child, ended } = startPoe(args, { input: '' })
          await arrived
          child.kill(signal)
          const end = await ended
          expect(printed(end)).to.include({ outcome: 'unknown', reason: 'interrupted', link })
          expect(end.err).to.include(`unknown: Interrupted by ${signal}. It may or may not have`)
          expect(end.err).to.include(`poe post --link '${link}'`)
          expect(end.code).to.equal(3)
        },
      ))

    it(`${signal} while it looks for a link: nothing was sent, exit ${code}`, () => {
      let interrupt = () => {}
      return withServer(
        () => interrupt(),
        async ({ origin, seen }) => {
          const { child, ended } = startPoe(['post', origin, '--json', ORDER, '--output', 'json'])
          interrupt = () => void child.kill(signal)
          const end = await ended
          expect(printed(end)).to.include({ outcome: 'refused', reason: 'interrupted' })
          expect(end.err).to.equal(`refused: nothing was sent. Interrupted by ${signal}.\n`)
          expect([end.code, seen.length]).to.deep.equal([code, 1])
        },
      )
    })
  }

  it('while it waits for stdin: nothing was sent, exit 130', () =>
    withServer(
      () => {},
      async ({ origin, seen }) => {
        const { child, ended } = startPoe(['post', origin, '--data', '-'])
        // It says nothing before; what it can be asked is whether it has begun to read.
        child.stdin?.write('x'.repeat(1_000_000), () => child.kill('SIGINT'))
        const end = await ended
        expect([end.code, seen.length]).to.deep.equal([130, 0])
        expect(end.err).to.equal('refused: nothing was sent. Interrupted by SIGINT.\n')
      },
    ))

  it('with a journal: exit 3 with the hint, and resume settles it with one order', () =>
    withFolder(folder =>
      withProxiedShop(async ({ proxy, orders, link: takeLink }) => {
        const journal = join(folder, 'poe.journal')
        const link = await takeLink('proxy')
        await proxy.set({ kind: 'delay', replyMs: 60_000 })
        const args = ['post', '--link', link, '--json', ORDER, '--journal', journal]
        const { child, ended } = startPoe(args, { input: '' })
        while ((await orders()) === 0) await pause(20)
        child.kill('SIGINT')
        const end = await ended
        expect(end.err).to.include(`To settle it: poe resume --journal ${journal}`)
        expect([end.code, end.out]).to.deep.equal([3, ''])
        await proxy.set('pass')
        const resumed = await poe(['resume', '--journal', journal])
        expect(resumed.out).to.include('accepted-earlier: ')
        expect([resumed.code, await orders()]).to.deep.equal([0, 1])
      }),
    ))

  it('resume, interrupted: exit 3, and the entry stays', () =>
    withFolder(folder =>
      withServer(
        () => {},
        async ({ origin, nextPost }) => {
          const journal = join(folder, 'poe.journal')
          const args = ['post', '--link', `${origin}/t`, '--json', ORDER, '--journal', journal]
          await poe([...args, '--tries', '1', '--timeout', '200', '--total', '400'])
          for (const _ of [1, 2]) {
            const arrived = nextPost()
            const { child, ended } = startPoe(['resume', '--journal', journal], { input: '' })
            await arrived
            child.kill('SIGTERM')
            const end = await ended
            expect(end.out).to.include('unknown: Interrupted by SIGTERM.')
            expect(end.code).to.equal(3)
          }
        },
      ),
    ))
})
