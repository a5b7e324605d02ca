/**
 * `poe check --door`, in this process.
 */
import { expect } from 'chai'
import { DOOR_CHECKS, DOORS } from 'post-once-exactly/conformance'
import { startActionServer } from '../conformance/doors/action-server.js'
import { startConditionServer } from '../conformance/doors/condition-server.js'
import { startKeyServer } from '../conformance/doors/key-server.js'
import { startSilent } from '../conformance/servers/silent.js'
import { poeHere } from './fake-terminal.js'

const USERS = [
  '--header',
  'X-User: ann',
  '--second-user',
  'X-User: bob',
  '--rounds',
  '2',
  '--age',
  '0',
]
const KEYS = ['--door', 'idempotency-key', '--valid', '{"amount":7}', ...USERS]

describe('poe check --door', () => {
  it('keys, without an adapter: exit 0, and by which door it was judged', async () => {
    const server = await startKeyServer()
    const more = ['--invalid', '{"amount":0}', '--effects', '/ledger#/payments']
    const { code, out } = await poeHere(['check', `${server.origin}/payments`, ...KEYS, ...more])
    await server.close()
    expect(code).to.equal(0)
    expect(out).to.match(/7 of 7 +IK-1-1 +implied MUST +An operation takes effect once/)
    expect(out.trimEnd().split('\n').at(-1)).to.equal('CONFORMANT IN WHAT WAS JUDGED (exit 0)')
  })

  it('a wrong server: exit 1, with what was expected and seen', async () => {
    const server = await startKeyServer({ scope: ({ text }, key) => key + text })
    const only = ['--only', 'IK-2.7-2,IK-2.6-2', '--report', 'html']
    const page = await poeHere(['check', `${server.origin}/payments`, ...KEYS, ...only])
    const text = await poeHere(['check', `${server.origin}/payments`, ...KEYS, ...only.slice(0, 2)])
    await server.close()
    expect(page.code).to.equal(1)
    expect(page.out).to.match(/idempotency-key/)
    expect(text.out).to.match(/failed: IK-2\.7-2\/accepted \(Idempotency-Key draft 2\.7\)/)
    expect(text.out).to.match(/expected {2}status not 2xx\n +seen +status 201/)
  })

  it('action resources and conditional requests', async () => {
    const actions = await startActionServer()
    const stock = await startConditionServer()
    const put = ['--door', 'action-id', '--valid', '{"qty":1}', '--effects', '/ledger#/orders']
    const post = ['--door', 'conditional', '--valid', '{"add":1}', '--effects', '/ledger#/added']
    const first = await poeHere(['check', `${actions.origin}/actions`, ...put, ...USERS])
    const second = await poeHere(['check', `${stock.origin}/stock/tea`, ...post, ...USERS])
    await actions.close()
    await stock.close()
    expect([first.code, second.code]).to.deep.equal([0, 0])
    expect(first.out).to.match(/ACT-05/)
    expect(second.out).to.match(/COND-03/)
  })

  it('a server that says nothing: exit 2', async () => {
    const server = await startSilent('silent')
    for (const door of DOORS) {
      const args = ['check', `${server.origin}/`, '--door', door, '--timeout', '200']
      expect((await poeHere(args)).code, door).to.equal(2)
    }
    await server.close()
  })

  for (const door of DOORS) {
    it(`--list --door ${door} names its checks and no others`, async () => {
      const { code, out } = await poeHere(['check', '--list', '--door', door])
      expect(code).to.equal(0)
      const ids = out
        .trimEnd()
        .split('\n')
        .map(line => line.split(' ')[0])
      expect(ids).to.deep.equal(DOOR_CHECKS[door].map(({ id }) => id))
      expect(out).to.not.match(/undefined/)
      const data = await poeHere(['check', '--list', '--door', door, '--report', 'json'])
      expect(JSON.parse(data.out)).to.have.length(ids.length)
    })

    it(`--door ${door} without a URL: exit 2, and what it is to be of`, async () => {
      const { code, err } = await poeHere(['check', '--door', door])
      expect(code).to.equal(2)
      expect(err).to.match(/Give the URL of (?:the page|the target|what makes)/)
    })
  }

  it('checks of other doors are not known', async () => {
    const args = ['check', 'http://127.0.0.1:1/', '--door', 'conditional', '--only', 'POE-2-4']
    const { code, err } = await poeHere(args)
    expect(code).to.equal(2)
    expect(err).to.match(/no check and no requirement POE-2-4/)
  })
})
