/**
 * A shop's process is killed while it charges a card, and an operator goes by docs/operate.md: each
 * command of the guide, on each store that survives a crash.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { anyone, type Poe, poe } from 'post-once-exactly/koa'
import { poeHere } from '../../test/cli/fake-terminal.js'
import { freshDatabase } from '../../test/support/joined-shop.js'
import { until } from '../../test/support/meeting.js'
import { describeWith } from '../../test/support/servers/programs.js'
import { startRedis } from '../../test/support/servers/redis-server.js'
import { itDidNotHappen, itHappened, listUndecided } from './operator.js'
import { openStore } from './stores.js'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const POE = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))
const TYPESCRIPT = new URL('../../scripts/typescript.mjs', import.meta.url).href
const NODE = ['--import', TYPESCRIPT]
const LEASE_MS = 500

interface Backing {
  readonly name: string
  readonly needs: readonly string[]
  /** Gives the store's URL, and how it is removed. */
  open(folder: string): Promise<readonly [url: string, remove: () => Promise<void>]>
}

const STORES: readonly Backing[] = [
  { name: 'sqlite', needs: [], open: async folder => [`sqlite:${folder}/shop.db`, async () => {}] },
  {
    name: 'redis',
    needs: ['redis-server'],
    open: async () => {
      const server = await startRedis()
      return [server.url, () => server.remove()]
    },
  },
  {
    name: 'postgres',
    needs: ['postgres', 'initdb'],
    open: async () => [await freshDatabase('operate'), async () => {}],
  },
]

interface Shop {
  readonly child: ChildProcess
  readonly base: string
  /** What it has written to its log. */
  readonly log: string[]
}

for (const { name, needs, open } of STORES) {
  describeWith(needs, `a crash while a card is charged, and an operator (${name})`, function () {
    this.timeout(240_000)
    let folder: string
    let env: NodeJS.ProcessEnv
    let remove: () => Promise<void>
    const shops: Shop[] = []
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'poe-operate-'))
      const opened = await open(folder)
      remove = opened[1]
      const settings = { POE_STORE: opened[0], CHARGES: join(folder, 'charges.txt'), PORT: '0' }
      env = { ...process.env, ...settings, LEASE_MS: String(LEASE_MS) }
    })
    afterEach(async () => {
      for (const { child } of shops.splice(0)) await kill(child)
      await remove()
      rmSync(folder, { recursive: true, force: true })
    })
    const serve = async (more: NodeJS.ProcessEnv = {}) => {
      const shop = await startShop({ ...env, ...more })
      shops.push(shop)
      return shop
    }
    /** A command of the guide: on the first store as a process, each of which takes its time. */
    const command = async (...words: string[]) => {
      if (name !== STORES[0]?.name) return (await poeHere(['store', ...words], { env })).out.trim()
      const args = [...NODE, POE, 'store', ...words]
      const { stdout } = await promisify(execFile)(process.execPath, args, { env })
      return stdout.trim()
    }
    /** The same functions here: a process for each takes its time. */
    const operate = async <Result>(work: (once: Poe<unknown>) => Promise<Result>) => {
      const { store, close } = await openStore(env.POE_STORE ?? '')
      const once = poe({ store, principal: anyone })
      const result = await work(once)
      await once.close()
      await close()
      return result
    }
    const charges = () =>
      existsSync(env.CHARGES ?? '') ? readFileSync(env.CHARGES ?? '', 'utf8').split('\n') : []
    const chargesOf = (key: string) => charges().filter(line => line === key).length

    /** Kills a shop at a word of its log; gives the link, and the survivor's first answer to it. */
    const crashAt = async (word: string, pauses: NodeJS.ProcessEnv, survivor: Shop) => {
      const shop = await serve(pauses)
      const { link } = (await (await fetch(`${shop.base}/pay`)).json()) as { link: string }
      const lost = fetch(shop.base + link, { method: 'POST' }).catch(() => null)
      await until(() => shop.log.some(line => line.startsWith(word)), word)
      await kill(shop.child)
      expect(await lost).to.equal(null)
      await until(async () => (await post(survivor, link)).type.endsWith('undecided'), 'undecided')
      return link
    }

    const id = name === 'sqlite' ? '[FALSE-1203] ' : ''
    it(`${id}is found and decided, both ways, by what docs/operate.md says`, async () => {
      const survivor = await serve()
      const [charged, uncharged] = await Promise.all([
        crashAt('charged', { CHARGE_AFTER_MS: '60000' }, survivor),
        crashAt('charging', { CHARGE_BEFORE_MS: '60000' }, survivor),
      ])

      // 1. It is seen, by whoever meets it, once.
      for (const link of [charged, uncharged]) await post(survivor, link)
      const told = survivor.log.filter(line => line.includes('"undecided"'))
      expect(told, 'one event for each link').to.have.lengthOf(2)
      // 2. It is found, by somebody who knows no key.
      const listed = (await command('list')).split('\n').map(line => line.split(' '))
      expect(listed, 'what is listed').to.have.lengthOf(2)
      const find = (link: string) => listed.find(([, , key = '']) => link.includes(nonceOf(key)))
      const [, sinceOne = '', keyOne = '', ownerOne = ''] = find(charged) ?? []
      const [, , keyTwo = '', ownerTwo = ''] = find(uncharged) ?? []
      expect(Date.parse(sinceOne)).to.be.closeTo(Date.now(), 100_000)
      expect(told.join('\n')).to.contain(keyOne).and.to.contain(ownerTwo)
      const seen = await operate(once => once.inspect(keyOne))
      expect(seen).to.include({ state: 'undecided', owner: ownerOne })
      // 3. The provider knows what happened, by the key.
      expect([chargesOf(keyOne), chargesOf(keyTwo)]).to.deep.equal([1, 0])
      // 4. It is decided, once, and only for the owner that is silent.
      const verdicts = await operate(async once => [
        await itHappened(once, keyOne, 'another', '/payments/1'),
        await itHappened(once, keyOne, ownerOne, '/payments/1'),
        await itDidNotHappen(once, keyOne, ownerOne),
      ])
      expect(verdicts, 'of another, of the owner, once more').to.deep.equal([false, true, false])
      expect(await command('show', keyTwo)).to.match(/^state +undecided$/m)
      expect(await command('settle', keyTwo, '--did-not-happen', '--yes')).to.equal('Decided.')
      expect(await operate(listUndecided)).to.deep.equal([])

      const first = await post(survivor, charged)
      expect([first.status, first.result]).to.deep.equal([405, '/payments/1'])
      const second = await post(survivor, uncharged)
      expect(second.status, 'the other one runs').to.equal(201)
      expect((await post(survivor, uncharged)).status, 'once').to.equal(405)
      expect([chargesOf(keyOne), chargesOf(keyTwo)], 'charges').to.deep.equal([1, 1])
    })
  })
}

/** A record's key is the resource's name, a colon and the nonce, which stands in the link too. */
function nonceOf(key: string): string {
  return key.slice(key.indexOf(':') + 1)
}

async function post({ base }: Shop, link: string) {
  const response = await fetch(base + link, { method: 'POST' })
  const { type = '', result = '' } = (await response.json()) as { type?: string; result?: string }
  return { status: response.status, type, result }
}

async function startShop(env: NodeJS.ProcessEnv): Promise<Shop> {
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, [...NODE, MAIN], { env, stdio: [...stdio] })
  const log: string[] = []
  if (child.stdout === null) throw new Error('The shop has no output')
  createInterface(child.stdout).on('line', line => log.push(line))
  await until(() => log.some(line => line.startsWith('listening')), 'the shop', 60_000)
  return { child, log, base: `http://127.0.0.1:${log[0]?.split(' ').at(-1)}` }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
