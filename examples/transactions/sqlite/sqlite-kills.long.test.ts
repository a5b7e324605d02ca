/**
 * A process that writes by a tool on sqlite and is killed: its rows are there exactly when its link
 * is spent, and a retry in another process makes it so.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import type { SqliteToolSettings } from '../../../test/support/sqlite-tool-program.js'
import { strippedModule } from '../../../test/support/stripped-tree.js'
import { RECIPES } from './recipes.js'

/** To a process that dies tools are alike. */
const KILLED = process.env.POE_TEST_WHOLE === '1' ? RECIPES : RECIPES.slice(0, 2)

for (const name of KILLED) {
  describe(`${name} on sqlite, killed`, () => {
    let folder: string
    const children: ChildProcess[] = []
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'poe-tool-'))
    })
    afterEach(async () => {
      await Promise.all(children.splice(0).map(ended))
      rmSync(folder, { recursive: true, force: true })
    })

    const start = async (dies: SqliteToolSettings['dies']): Promise<string> => {
      const recipe = new URL(`./with-${name}.mjs`, import.meta.url).href
      const settings: SqliteToolSettings = { file: join(folder, 'shop.db'), recipe, dies }
      const program = strippedModule('test/support/sqlite-tool-program.ts')
      const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      children.push(child)
      const [line] = await once(child.stdout, 'data')
      return String(line).trim()
    }
    const rows = () => {
      const db = new Database(join(folder, 'shop.db'))
      try {
        return db.prepare('SELECT sku FROM shop_orders').pluck().all()
      } finally {
        db.close()
      }
    }
    const post = (base: string, link: string) => fetch(base + link, { method: 'POST' })

    // What is committed is no tool's affair any more: that is tried with one.
    for (const [dies, there, again] of [
      ['before the commit', [], 201] as const,
      ...(name === RECIPES[0] ? [['after the commit', ['tea', 'milk'], 405] as const] : []),
    ]) {
      it(`[OUT-13, POE-A-1] ${dies}: ${there.length} rows, and a retry gets ${again}`, async () => {
        const base = await start(dies)
        const link = await (await fetch(`${base}/page`)).text()
        expect(await post(base, link).catch(() => null)).to.equal(null)
        expect(rows()).to.deep.equal(there)
        const other = await start('never')
        expect((await post(other, link)).status).to.equal(again)
        expect(rows()).to.deep.equal(['tea', 'milk'])
      })
    }
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
