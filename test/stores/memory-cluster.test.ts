/** A memory store in a worker of node:cluster: workers share nothing, which it says. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { strippedModule } from '../support/stripped-tree.js'

const run = promisify(execFile)

/** Opens two stores, in a worker or in the primary, and prints the warnings' codes. */
const program = (module: string) => `
import cluster from 'node:cluster'
const { memoryStore } = await import(${JSON.stringify(module)})
if (process.argv[2] === 'cluster' && cluster.isPrimary) {
  cluster.fork().on('exit', code => process.exit(code))
} else {
  process.on('warning', ({ code, message }) => console.log(code, message))
  memoryStore()
  memoryStore()
  setImmediate(() => process.exit(0))
}`

async function warnings(...words: string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'poe-cluster-'))
  const file = join(folder, 'program.mjs')
  writeFileSync(file, program(pathToFileURL(strippedModule('lib/stores/memory.ts')).href))
  try {
    const { stdout } = await run(process.execPath, [file, ...words])
    return stdout.split('\n').filter(line => line !== '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('a memoryStore', function () {
  this.timeout(60_000)

  it('[FALSE-2601] in a worker of a cluster it warns, once', async () => {
    const [first = '', ...others] = await warnings('cluster')
    expect(first).to.match(/^POE_MEMORY_IN_CLUSTER .*workers share nothing/)
    expect(others).to.deep.equal([])
  })

  it('[FALSE-2602] elsewhere it does not', async () => {
    expect(await warnings('alone')).to.deep.equal([])
  })
})
