/**
 * `npm start`: installs what is missing, then runs the demo shop from its sources, without a
 * build. Arguments, signals and the exit code pass through.
 */
import { prepare, run } from './prepare.mjs'

await prepare()
const args = ['--import', './scripts/typescript.mjs', 'examples/shop/live/main.ts']
process.exitCode = await run(process.execPath, [...args, ...process.argv.slice(2)])
