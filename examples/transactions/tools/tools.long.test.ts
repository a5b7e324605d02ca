/**
 * Eight tools on a joining pool, each through the same situations: its rows and the mark of the
 * link are there together, or neither is.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import type pg from 'pg'
import {
  freshDatabase,
  type JoinedShop,
  openJoinedShop,
} from '../../../test/support/joined-shop.js'
import { latch, until } from '../../../test/support/meeting.js'
import { describeWith } from '../../../test/support/servers/programs.js'
import { strippedModule } from '../../../test/support/stripped-tree.js'
import { driverOf, installTools, loadTool, TOOLS } from '../../../test/support/tool-examples.js'
import type { ToolShopSettings } from '../../../test/support/tool-shop-program.js'
import { fail, type Tool } from './tool.js'

const IS_WHOLE = process.env.POE_TEST_WHOLE === '1'
/** The first connection that stays behind is the pool's only one: the next request would wait. */
const REQUESTS = IS_WHOLE ? 100 : 20
/** To a process that dies tools are alike: two that send their statements in different ways. */
const KILLED: readonly string[] = IS_WHOLE ? TOOLS : ['drizzle', 'prisma']

describeWith(['postgres', 'initdb'], 'tools on a joining pool', () => {
  let folder: string
  let driver: typeof pg
  let url: string
  before('installs the tools', async () => {
    folder = await installTools()
    driver = driverOf(folder)
    url = await freshDatabase('tools')
  })

  for (const name of TOOLS) {
    describe(name, () => {
      let shop: JoinedShop
      let tool: Tool
      const open = async (connections = 4) => {
        shop = await openJoinedShop(url, { connections, driver })
        tool = await (await loadTool(folder, name))(shop.joined)
        await shop.reset()
      }
      const close = async () => {
        await tool.close()
        await shop.close()
      }
      before(() => open())
      beforeEach(() => shop.reset())
      after(() => close())

      const left = async () => [(await shop.skus()).sort(), await shop.spent()]
      const told = (type: string) => shop.events.filter(event => event.type === type).length

      it('success: rows and mark', async () => {
        shop.handler = async () => {
          await tool.insert('a')
          await tool.transaction(['b', 'c'], () => {})
        }
        expect((await shop.order()).status).to.equal(201)
        expect(await left()).to.deep.equal([['a', 'b', 'c'], 1])
        expect(told('transaction-unused')).to.equal(0)
      })

      for (const [how, status] of [
        ['throw', 500],
        ['refusal', 409],
      ] as const) {
        it(`${how}: neither, and the link is good for another try`, async () => {
          shop.handler = async ctx => {
            await tool.insert('a')
            await tool.transaction(['b'], () => {})
            if (how === 'throw') fail()
            ctx.throw(409)
          }
          const link = await shop.link()
          expect((await shop.post(link)).status).to.equal(status)
          expect(await left()).to.deep.equal([[], 0])
          shop.handler = () => tool.insert('a')
          expect((await shop.post(link)).status).to.equal(201)
          expect(await left()).to.deep.equal([['a'], 1])
        })
      }

      // What is committed is no tool's affair any more: that is tried with one.
      const deaths: readonly ToolShopSettings['dies'][] =
        name === TOOLS[0] ? ['before the commit', 'after the commit'] : ['before the commit']
      for (const dies of KILLED.includes(name) ? deaths : []) {
        it(`SIGKILL ${dies}: ${dies.startsWith('before') ? 'neither' : 'both'}`, async () => {
          const { base, child } = await startProcess({ url, folder, tool: name, dies })
          const link = await (await fetch(`${base}/page`)).text()
          const died = once(child, 'exit')
          const init = { method: 'POST', body: '{"sku":"a"}' }
          const headers = { 'Content-Type': 'application/json' }
          const answer = await fetch(new URL(link, base), { ...init, headers }).catch(() => null)
          expect(answer).to.equal(null)
          expect(await died).to.deep.equal([null, 'SIGKILL'])
          await until(async () => (await idle(shop.pool)) === 0, 'the server noticed')
          const isKept = dies === 'after the commit'
          expect(await left()).to.deep.equal(isKept ? [['a', 'a 2'], 1] : [[], 0])
        })
      }

      it('a nested transaction that goes back leaves the outer one', async () => {
        shop.handler = () => tool.nested('kept', 'undone')
        expect((await shop.order()).status).to.equal(201)
        expect(await left()).to.deep.equal([['kept'], 1])
        await shop.reset()
        shop.handler = async () => {
          await tool.insert('kept')
          await tool.transaction(['undone'], fail).catch(() => {})
        }
        expect((await shop.order()).status).to.equal(201)
        expect(await left()).to.deep.equal([['kept'], 1])
      })

      it('two handlers at once keep apart', async () => {
        const both = latch()
        let inside = 0
        shop.handler = async ctx => {
          const { sku } = ctx.request.body as { readonly sku: string }
          await tool.transaction([sku], () => {})
          inside += 1
          if (inside === 2) both.open()
          await both.opened
          await tool.insert(`${sku} 2`)
          if (sku === 'b') fail()
        }
        const orders = await Promise.all([shop.order({ sku: 'a' }), shop.order({ sku: 'b' })])
        expect(orders.map(({ status }) => status)).to.deep.equal([201, 500])
        expect(await left()).to.deep.equal([['a', 'a 2'], 1])
      })

      it('[FALSE-4644] two handlers that look at once see their own row alone', async () => {
        const [bothWrote, bothLooked] = [latch(), latch()]
        let inside = 0
        const seen: unknown[] = []
        shop.handler = async ctx => {
          const { sku } = ctx.request.body as { readonly sku: string }
          await tool.insert(sku)
          inside += 1
          if (inside === 2) bothWrote.open()
          await bothWrote.opened
          const found = ['a', 'b'].map(each => tool.has?.(each) ?? each === sku)
          seen.push([sku, ...(await Promise.all(found))])
          // What is committed may be seen.
          if (seen.length === 2) bothLooked.open()
          await bothLooked.opened
        }
        const orders = await Promise.all([shop.order({ sku: 'a' }), shop.order({ sku: 'b' })])
        expect(orders.map(({ status }) => status)).to.deep.equal([201, 201])
        expect(seen).to.have.deep.members([
          ['a', true, false],
          ['b', false, true],
        ])
      })

      it('queries and transactions of one handler at once', async () => {
        shop.handler = () =>
          Promise.all([
            tool.transaction(['a'], fail).catch(() => {}),
            tool.insert('b'),
            tool.transaction(['c', 'd'], () => {}),
            tool.insert('e'),
          ])
        expect((await shop.order()).status).to.equal(201)
        expect(await left()).to.deep.equal([['b', 'c', 'd', 'e'], 1])
      })

      it('a forgotten await: a part of it, and told, or never begun', async () => {
        for (const fails of [false, true]) {
          await shop.reset()
          shop.handler = async () => {
            await tool.insert('a')
            tool.forget('b')
            if (fails) fail()
          }
          expect((await shop.order()).status).to.equal(fails ? 500 : 201)
          const kept = tool.isEager ? ['a', 'b'] : ['a']
          expect(await left()).to.deep.equal(fails ? [[], 0] : [kept, 1])
          expect(told('unawaited-statement')).to.be.at.least(tool.isEager ? 1 : 0)
        }
      })

      it("a write by the tool's plain pool: outside, and told", async () => {
        const outside = await (await loadTool(folder, name))(shop.pool)
        shop.handler = async () => {
          await outside.insert('a')
        }
        expect((await shop.order()).status).to.equal(201)
        expect(told('transaction-unused')).to.equal(1)
        shop.handler = async () => {
          await outside.insert('b')
          fail()
        }
        expect((await shop.order()).status).to.equal(500)
        // What a joining pool is there for.
        expect(await left()).to.deep.equal([['a', 'b'], 1])
        await outside.close()
      })

      it(`${REQUESTS} requests on a pool of one connection leave none behind`, async () => {
        await close()
        await open(1)
        shop.handler = async ctx => {
          const { at } = ctx.request.body as { readonly at: number }
          await tool.insert(`${at}`)
          if (at % 10 === 1) await tool.transaction([`${at} t`], () => {})
          if (at % 10 === 2) await tool.transaction([`${at} t`], fail).catch(() => {})
          if (at % 10 === 3) fail()
        }
        const statuses = new Map<number, number>()
        for (let at = 0; at < REQUESTS; at += 4) {
          const orders = [0, 1, 2, 3].map(more => shop.order({ at: at + more }))
          for (const { status } of await Promise.all(orders)) {
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
          }
        }
        expect([...statuses].sort()).to.deep.equal([
          [201, REQUESTS * 0.9],
          [500, REQUESTS * 0.1],
        ])
        const [skus] = await left()
        expect(skus).to.have.lengthOf(REQUESTS)
        const { totalCount, idleCount, waitingCount } = shop.pool
        expect([totalCount, idleCount, waitingCount]).to.deep.equal([1, 1, 0])
      }).timeout(240_000)
    })
  }
})

/** How many connections to the database are in a transaction. */
async function idle(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`,
  )
  return rows.length
}

async function startProcess(
  settings: ToolShopSettings,
): Promise<{ readonly base: string; readonly child: ChildProcess }> {
  const program = strippedModule('test/support/tool-shop-program.ts')
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  return { base: String(line).trim(), child }
}
