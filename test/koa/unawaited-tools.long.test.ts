/**
 * Statements that fail inside of functions and tools that nobody awaits, in a process that ends by
 * a rejection that nobody handles.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import { freshDatabase } from '../support/joined-shop.js'
import { describeWith } from '../support/servers/programs.js'
import { strippedModule } from '../support/stripped-tree.js'
import type { Ending } from '../support/unawaited-program.js'

async function run(args: readonly string[]): Promise<[code: number, said: string, error: string]> {
  const program = strippedModule('test/support/unawaited-program.ts')
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const heard = { said: '', error: '' }
  child.stdout.on('data', text => {
    heard.said += text
  })
  child.stderr.on('data', text => {
    heard.error += text
  })
  const [code] = await once(child, 'close')
  // A tool may have a word of its own before it.
  return [Number(code), heard.said.split('\n').at(-1) ?? '', heard.error]
}

describeWith(['postgres', 'initdb'], 'statements that fail where nobody awaits', () => {
  let url: string
  before(async () => {
    url = await freshDatabase('unawaited')
  })

  for (const store of ['sqlite', 'postgres']) {
    it(`[FALSE-2811] by tools, ${store}: the process lives, and no success is told`, async () => {
      const [code, said, error] = await run([store === 'sqlite' ? store : url])
      expect(code, error).to.equal(0)
      const endings = Object.entries(JSON.parse(said) as Record<string, Ending>)
      expect(endings.length).to.be.at.least(4)
      for (const [name, { status, rows, told }] of endings) {
        expect(told, name).to.be.at.least(1)
        // What comes after the end was never run, and undoes nothing.
        const expected = name.endsWith('late') ? [201, 1] : [500, 0]
        expect([status, rows], name).to.deep.equal(expected)
      }
    })
  }

  it("[FALSE-2811] what is no handler's ends the process as ever", async () => {
    const [code, , error] = await run([url, 'stranger'])
    expect([code, error]).to.deep.equal([1, error])
    expect(error).to.include('a stranger')
  })
})
