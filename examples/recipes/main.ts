/**
 * `npm run recipes [-- --write]`: measures every helper and prints the table; `--write` puts it
 * into docs/recipes.md and onto the shop's live page.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { HELPERS } from './helpers.js'
import { type Measured, measure, tableOf } from './measure.js'

const GUIDE = new URL('../../docs/recipes.md', import.meta.url)
const LIVE = new URL('../shop/live/recipes.json', import.meta.url)
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })

const rows: Measured[] = []
for (const helper of HELPERS) rows.push(await measure(helper))
console.log(tableOf(rows))
if (values.write) {
  const text = readFileSync(GUIDE, 'utf8')
  const [head = '', rest = ''] = text.split('<!-- recipes -->')
  const tail = rest.slice(rest.indexOf('<!-- /recipes -->'))
  writeFileSync(GUIDE, `${head}<!-- recipes -->\n\n${tableOf(rows)}\n\n${tail}`)
  const measured = new Date().toISOString().slice(0, 10)
  const told = rows.map(row => ({ ...row, version: versionOf(row.name) }))
  const live = { measured, node: process.versions.node, rows: told }
  writeFileSync(LIVE, `${JSON.stringify(live, null, 2)}\n`)
}

/** The version that was measured; `null` for Workbox, of which only the queue's shape is used. */
function versionOf(name: string): string | null {
  const [helper = ''] = name.split(/[ ,]/)
  if (helper === 'Workbox') return null
  const file = createRequire(import.meta.url)
    .resolve(helper)
    .replace(/(node_modules\/[^/]+)\/.*/, '$1')
  const { version } = JSON.parse(readFileSync(`${file}/package.json`, 'utf8')) as {
    version: string
  }
  return version
}
