/** `npm run recipes [-- --write]`: measures every helper and prints the table. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { HELPERS } from './helpers.js'
import { type Measured, measure, tableOf } from './measure.js'

const GUIDE = new URL('../../docs/recipes.md', import.meta.url)
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })

const rows: Measured[] = []
for (const helper of HELPERS) rows.push(await measure(helper))
console.log(tableOf(rows))
if (values.write) {
  const text = readFileSync(GUIDE, 'utf8')
  const [head = '', rest = ''] = text.split('<!-- recipes -->')
  const tail = rest.slice(rest.indexOf('<!-- /recipes -->'))
  writeFileSync(GUIDE, `${head}<!-- recipes -->\n\n${tableOf(rows)}\n\n${tail}`)
}
