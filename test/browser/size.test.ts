/**
 * What a page has to load: the browser's core, and the whole client with journal and pool.
 */
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { build } from 'esbuild'

const CLIENT = fileURLToPath(new URL('../../lib/client/', import.meta.url))

/** Bundled, minified and compressed, in bytes; and the modules that went in. */
async function weigh(entry: string) {
  const built = await build({
    entryPoints: [`${CLIENT}${entry}`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
    conditions: ['@post-once-exactly/source'],
  })
  const code = built.outputFiles[0]?.contents ?? new Uint8Array()
  return { bytes: gzipSync(code, { level: 9 }).length, modules: Object.keys(built.metafile.inputs) }
}

describe('the browser’s modules', () => {
  const sizes: string[] = []
  const table: readonly (readonly [entry: string, most: number])[] = [
    ['browser.ts', 6_144],
    ['browser-journal.ts', 12_288],
  ]
  for (const [entry, most] of table) {
    it(`${entry} has at most ${most} bytes, nothing of Node and no dependency`, async () => {
      const { bytes, modules } = await weigh(entry)
      sizes.push(`${entry} ${bytes}`)
      expect(bytes).to.be.at.most(most)
      const foreign = modules.filter(path => /node_modules|client\/node\//.test(path))
      expect(foreign).to.deep.equal([])
      expect(modules.filter(path => builtinModules.includes(path))).to.deep.equal([])
      expect(modules.filter(path => /link-field|structured/.test(path))).to.deep.equal([])
    })
  }

  after('says the sizes', () => {
    process.stderr.write(`    gzipped: ${sizes.join(', ')}\n`)
  })
})
