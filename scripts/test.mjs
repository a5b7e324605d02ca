/**
 * `npm test`: installs what is missing, then runs the tests over several processes. What lasts long
 * (`*.long.test.ts` and the tests of the package as it is published) is `npm run test:all`.
 *
 *     npm test -- --grep POE-2-4          # the home test of a requirement, see CONTRIBUTING.md
 *     npm test -- test/koa/http.test.ts   # files, with any other option of mocha
 *     npm test -- --measure               # keeps how long each file takes, for the next run
 *
 * The counts, and what each file took by the clock and of a core, are written as JSON to the file
 * that `POE_TEST_REPORT` names.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fail, prepare, ROOT, run } from './prepare.mjs'
import { homeOf, testFiles } from './test-files.mjs'

/** What some tests need besides Node, and the package of Debian where it has another name. */
const PROGRAMS = {
  'redis-server': '',
  'redis-sentinel': '',
  postgres: 'postgresql',
  pgbouncer: '',
  nginx: 'nginx-light',
  haproxy: '',
  spin: '',
  chromium: '',
  curl: '',
  python3: '',
  perl: '',
  php: 'php-cli',
}

/** When a long test hangs; the others have what `.mocharc.json` says. */
const LONG_MS = 300_000

await prepare()
if (!existsSync(`${ROOT}node_modules/mocha/bin/mocha.js`)) {
  fail('mocha is not installed: delete node_modules, try again.')
}
const given = process.argv.slice(2)
const part = given[0] === '--all' ? 'long' : 'short'
process.exitCode = await test(part === 'long' ? given.slice(1) : given)

function test(args) {
  const isMeasured = args.length === 1 && args[0] === '--measure'
  const text = grepOf(args)
  const home = text === null ? null : homeOf(text)
  if (home !== null) {
    const files = part === 'long' ? [...home.files, ...home.others] : home.files
    if (part === 'short' && home.others.length > 0) console.log(`also in ${home.others.join(', ')}`)
    return mocha([...files, '--grep', home.grep, '--fail-zero'])
  }
  if (text === null && args.length > 0 && !isMeasured) {
    return mocha(namesFiles(args) ? args : [...testFiles(part), ...args])
  }
  return whole({ measure: isMeasured, ...(text === null ? {} : { grep: text }) })
}

/** Everything of this part, side by side. */
async function whole(wishes) {
  const startedMs = performance.now()
  // Installed by now, if it was not before; from here on, TypeScript can be loaded.
  await import('./typescript.mjs')
  const { findProgram, startShared } = await import('../test/support/servers/shared.ts')
  const missing = Object.keys(PROGRAMS).filter(name => findProgram(name) === null)
  if (missing.length > 0) {
    const packages = missing.map(name => PROGRAMS[name] || name).join(' ')
    console.log(`not tested, for want of ${missing.join(', ')}: apt-get install ${packages}`)
  }
  const { runFiles } = await import('./test-run.mjs')
  const shared = await startShared()
  const patience = part === 'long' ? { timeoutMs: LONG_MS } : {}
  let counts
  try {
    // Beside the others, because installing it elsewhere mostly waits.
    const [own, more] = await Promise.all([
      runFiles(testFiles(part), { ...wishes, ...patience, env: shared.env }),
      part === 'long' && wishes.grep === undefined ? testPackage(shared.env) : {},
    ])
    counts = own
    for (const name of ['passes', 'failures', 'pending']) counts[name] += more[name] ?? 0
  } finally {
    await shared.remove()
  }
  const report = process.env.POE_TEST_REPORT
  if (report) writeFileSync(report, JSON.stringify(counts))
  const took = Math.round((performance.now() - startedMs) / 1_000)
  const { passes, failures, pending, stopped } = counts
  const skipped = pending > 0 ? `, ${pending} skipped` : ''
  console.log(`\n${passes} passed, ${failures} failed${skipped}, in ${took} s`)
  if (stopped) return 130
  return failures > 0 || passes === 0 ? 1 : 0
}

/** The package, as it would be published. */
async function testPackage(env) {
  const { testPackage: test } = await import('./test-package.mjs')
  return await test(env)
}

/** What `--grep` alone asks for; `null` where something else is asked for as well. */
function grepOf(args) {
  if (args.length === 1) return /^(?:--grep|-g)=(.+)$/.exec(args[0])?.[1] ?? null
  return args.length === 2 && /^(?:--grep|-g)$/.test(args[0]) ? args[1] : null
}

function mocha(args) {
  const all = [...configWithoutSpec(), ...args]
  console.log(`> mocha ${args.join(' ')}`)
  return run(process.execPath, ['node_modules/mocha/bin/mocha.js', ...all])
}

function namesFiles(list) {
  return list.some((argument, index) => {
    const isValue = index > 0 && /^(-[a-z]|--[a-z-]+)$/.test(list[index - 1] ?? '')
    return !argument.startsWith('-') && !isValue && /[*./]/.test(argument)
  })
}

/** The configuration as options: mocha would add the `spec` of its file to the files named. */
function configWithoutSpec() {
  const { spec: _, ...rest } = JSON.parse(readFileSync(`${ROOT}.mocharc.json`, 'utf8'))
  const options = Object.entries(rest).flatMap(([name, value]) =>
    [value].flat().map(one => (one === true ? `--${name}` : `--${name}=${one}`)),
  )
  return ['--no-config', ...options]
}
