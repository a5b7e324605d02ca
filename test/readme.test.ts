/**
 * The transcripts of the README and of docs/wire.md, run line by line against the shop: what they
 * show is what happens.
 *
 * @see POE draft 5, 6 (the two examples that it replays)
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { end, startShop } from '../examples/shop/support.js'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const WIRE = readFileSync(new URL('../docs/wire.md', import.meta.url), 'utf8')
const ANYTHING = '…'

interface Step {
  readonly command: string
  readonly expected: readonly string[]
}

describe('README', () => {
  const hasCurl = spawnSync('curl', ['--version']).status === 0

  for (const [name, text, least] of [
    ['its transcript', README, 3],
    ['the one of docs/wire.md', WIRE, 7],
  ] as const) {
    it(`[POE-5-1, POE-5-7, POE-6-1] ${name} is what happens`, async () => {
      if (!hasCurl && process.env.POE_TEST_ALL !== '1') {
        console.log('      curl is not installed: the transcript was not run')
        return
      }
      const steps = transcript(text)
      expect(steps.length, 'commands').to.be.at.least(least)
      const folder = mkdtempSync(join(tmpdir(), 'poe-readme-'))
      const shop = await startShop({
        POE_STORE: `sqlite:${join(folder, 'shop.db')}`,
        DEMO_FAULTS: '1',
      })
      try {
        const seen = runAll(steps, new URL(shop.origin).host)
        for (const [index, step] of steps.entries()) {
          const isSo = matches(step.expected, seen[index] ?? [])
          expect(isSo, describeStep(step, seen[index])).to.equal(true)
        }
      } finally {
        await end(shop.child, 'SIGTERM')
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }

  it('has fewer than 900 words', () => {
    expect(README.split(/\s+/).length).to.be.below(900)
  })

  it('would notice a transcript that is wrong', () => {
    expect(matches(['HTTP/1.1 201 Created'], ['HTTP/1.1 405 Method Not Allowed'])).to.equal(false)
    expect(matches(['{"id":…}'], ['{"id":1}'])).to.equal(true)
    expect(matches(['a'], ['a', 'b'])).to.equal(false)
  })

  it('shows three lines that examples/minimal has too', () => {
    const minimal = readFileSync(new URL('../examples/minimal/app.ts', import.meta.url), 'utf8')
    for (const line of [
      'app.use(once.middleware())',
      'const once = poe({',
      'once.resource(router, {',
    ]) {
      expect(README).to.contain(line)
      expect(minimal).to.contain(line)
    }
  })
})

function transcript(text: string): Step[] {
  const blocks = [...text.matchAll(/<!-- transcript -->\n```console\n(.*?)```/gs)]
  return blocks.flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .filter(part => part.trim() !== '')
      .map(part => {
        const [command = '', ...expected] = part.trimEnd().split('\n')
        return { command, expected }
      }),
  )
}

/** All in one shell, so that variables live on. */
function runAll(steps: readonly Step[], host: string): string[][] {
  const script = steps.map(({ command }, index) => `echo '@@${index}'\n${command}\necho`).join('\n')
  const { stdout } = spawnSync('bash', ['-c', script.replaceAll('127.0.0.1:3000', host)], {
    encoding: 'utf8',
    timeout: 25_000,
  })
  return stdout
    .split(/^@@\d+\n/m)
    .slice(1)
    .map(part =>
      part
        .split('\n')
        .map(line => line.trimEnd())
        .filter(line => line !== ''),
    )
}

function matches(expected: readonly string[], seen: readonly string[]): boolean {
  return (
    expected.length === seen.length &&
    expected.every((line, index) => pattern(line).test(seen[index] ?? ''))
  )
}

function pattern(line: string): RegExp {
  const parts = line.split(ANYTHING).map(part => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}

function describeStep(step: Step, seen: readonly string[] | undefined): string {
  return `$ ${step.command}\nexpected:\n${step.expected.join('\n')}\nseen:\n${seen?.join('\n')}\n`
}
