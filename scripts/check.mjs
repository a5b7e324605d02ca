/**
 * `npm run check`: everything that is not a test. Each step says why it is here; all of them run,
 * also after a failure, and a table closes the output. `--only <name>` runs one (or several, joined
 * by commas), `--except <name>` all others; `--list` names them.
 */
import { fail, prepare, run } from './prepare.mjs'

const bin = path => `node_modules/${path}`

/** Name, reason, and the script that Node runs with its arguments. */
const STEPS = [
  [
    'types',
    'sources, tests and examples agree with their types',
    bin('typescript7/bin/tsc'),
    '-p',
    'tsconfig.json',
  ],
  [
    'lint',
    'format, and no promise is forgotten',
    bin('@biomejs/biome/bin/biome'),
    'check',
    '--error-on-warnings',
  ],
  ['unused', 'no dead file, export or dependency', bin('knip/bin/knip.js'), '--no-progress'],
  ['model', 'the claim protocol holds, and needs each of its rules', 'scripts/check-model.mjs'],
  ['build', 'what is published compiles by itself', 'scripts/build.mjs'],
  ['publint', 'the package says the truth about its files', bin('publint/src/cli.js'), '--strict'],
  [
    'attw',
    'its types resolve for those who install it',
    bin('@arethetypeswrong/cli/dist/index.js'),
    '--pack',
    '.',
    '--profile',
    'esm-only',
  ],
  [
    'docs',
    'every public name is documented, and no link of the site is dead',
    'scripts/docs.mjs',
    '--build',
  ],
]

await prepare()
const chosen = choose(process.argv.slice(2))
const results = []
for (const [name, reason, script, ...args] of chosen) {
  console.log(`\n=== ${name}: ${reason}`)
  console.log(`> node ${script} ${args.join(' ')}`)
  const startedMs = performance.now()
  // To pack must not build again what the step `build` has built.
  const code = await run(process.execPath, [script, ...args], { npm_config_ignore_scripts: 'true' })
  results.push([name, code, performance.now() - startedMs])
}

console.log('\n=== result')
for (const [name, code, tookMs] of results) {
  const verdict = code === 0 ? 'ok' : `failed (exit ${code})`
  console.log(`${name.padEnd(10)}${verdict.padEnd(20)}${(tookMs / 1000).toFixed(1).padStart(6)} s`)
}
process.exitCode = results.some(([, code]) => code !== 0) ? 1 : 0

function choose(args) {
  const names = STEPS.map(([name]) => name)
  if (args.length === 1 && args[0] === '--list') {
    console.log(names.join('\n'))
    process.exit(0)
  }
  if (args.length === 0) return STEPS
  const [option = '', list = ''] = args
  const asked = list.split(',')
  const isKnown = ['--only', '--except'].includes(option) && args.length === 2
  if (!isKnown || asked.some(name => !names.includes(name))) {
    const options = '[--list | --only <names> | --except <names>]'
    fail(`usage: npm run check -- ${options}; names: ${names.join(', ')}`, 2)
  }
  return STEPS.filter(([name]) => asked.includes(name) === (option === '--only'))
}
