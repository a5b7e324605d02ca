/**
 * The fire test: `npm run torture -- --store sqlite --minutes 5 --seed 7`. Exit status 0 when
 * nothing was found, 1 for a violation, 2 when it could not run.
 */
import { stopSignal } from '../../support/campaign.js'
import { CannotRun, HELP, readOptions, type TortureOptions } from './options.js'
import { jsonOf, storiesOf, tableOf } from './report.js'
import { runTorture } from './run.js'

const code = await main(process.argv.slice(2))
// A connection that hangs on must not keep a run from ending that is over.
process.stdout.write('', () => process.exit(code))
// Nothing that was left open may keep the run from ending.
setTimeout(() => process.exit(), 1_000).unref()

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args, Date.now())
    if (options !== 'help') return await run(options)
    console.log(HELP)
    return 0
  } catch (error) {
    if (error instanceof CannotRun) console.error(error.message)
    else console.error('The run broke off:', error)
    return 2
  }
}

async function run(options: TortureOptions): Promise<number> {
  const { store, seed, forMs, json } = options
  console.error(
    `torture: ${store}, ${forMs / 1_000} s, seed ${seed} (--seed ${seed} plays it again)`,
  )
  const result = await runTorture(options, stopSignal())
  const stories = storiesOf(result)
  if (stories !== '') console.log(`${stories}\n`)
  console.log(tableOf(result))
  if (json) console.log(jsonOf(result))
  return result.findings.violations.length === 0 ? 0 : 1
}
