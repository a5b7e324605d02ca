/**
 * `npm start`: installs what is missing, then runs the demo shop from its sources, without a
 * build. Arguments, signals and the exit code pass through.
 */
import { prepare, run } from './prepare.mjs'

await prepare()
const args = ['--import', 'ts-blank-space/register', '-C', '@post-once-exactly/source']
process.exitCode = await run(process.execPath, [
  ...args,
  'examples/shop/live/main.ts',
  ...process.argv.slice(2),
])
