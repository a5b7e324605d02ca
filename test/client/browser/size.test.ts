/**
 * What a page has to load: the browser's core, the whole client with journal and pool, and
 * the forms.
 */
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { build } from 'esbuild'

const CLIENT = fileURLToPath(new URL('../../../lib/client/', import.meta.url))

const ENTRIES = ['browser.ts', 'browser-journal.ts']

/** Entries as a bundler makes them for a page that uses them all: what they share stands once. */
async function buildTogether(entries: readonly string[]) {
  const built = await build({
    entryPoints: entries.map(entry => `${CLIENT}${entry}`),
    outdir: 'out',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
    conditions: ['@post-once-exactly/source'],
  })
  const bytesOf = (name: string) => {
    const file = built.outputFiles.find(({ path }) => path.endsWith(`/${name}`))
    return gzipSync(file?.contents ?? new Uint8Array(), { level: 9 }).length
  }
  return { own: bytesOf('browser-journal.js'), modules: Object.keys(built.metafile.inputs) }
}

/** One entry by itself, bundled, minified and compressed, in bytes. */
async function weigh(entry: string): Promise<number> {
  const built = await build({
    entryPoints: [`${CLIENT}${entry}`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    conditions: ['@post-once-exactly/source'],
  })
  return gzipSync(built.outputFiles[0]?.contents ?? new Uint8Array(), { level: 9 }).length
}

describe('the browser’s modules', () => {
  const sizes: string[] = []

  // 6 KiB were enough before a success had to be believed, and a GET to have a control (0016); 8.5
  // before redirects that are followed unasked, and options of a call that are undefined.
  it('the core has at most 8.6 KiB', async () => {
    const bytes = await weigh('browser.ts')
    sizes.push(`core ${bytes}`)
    expect(bytes).to.be.at.most(8.6 * 1024)
  })

  // 10.75 KiB were enough before what client.fetch gives had to end with its caller's signal; 11
  // before content without an end, and keys that are resumed too late; 11.1 before what one
  // call is given was checked; 11.25 before callers and hooks did not take each other's answers.
  it('journal, pool and what they bring have at most 11.35 KiB beside the core', async () => {
    const { own } = await buildTogether(ENTRIES)
    sizes.push(`journal and pool ${own}`, `all by itself ${await weigh('browser-journal.ts')}`)
    expect(own).to.be.within(1_000, 11.35 * 1024)
  })

  // 13.25 KiB were enough before a journal that the browser has closed was opened anew; 13.5 before
  // forms that a script takes out of the page.
  it('forms have at most 13.75 KiB, core and journal included', async () => {
    const bytes = await weigh('form.ts')
    sizes.push(`forms ${bytes}`)
    expect(bytes).to.be.within(8_000, 13.75 * 1024)
  })

  it('there is nothing of Node in them, no dependency, and no reading of Link', async () => {
    const { modules } = await buildTogether([...ENTRIES, 'form.ts'])
    expect(modules.length).to.be.above(15)
    const foreign = /node_modules|client\/node\/|link-field|structured/
    expect(modules.filter(path => foreign.test(path))).to.deep.equal([])
    expect(modules.filter(path => builtinModules.includes(path))).to.deep.equal([])
  })

  after('says the sizes', () => {
    process.stderr.write(`    gzipped: ${sizes.join(', ')}\n`)
  })
})
