/**
 * Runs the suites against what would be published: packs the project, unpacks it as a dependency
 * of a project of its own, and runs the tests there. A file that is missing from the package, or
 * an entry point that leads nowhere, shows here and nowhere else.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail, prepare, ROOT, run, runNpm } from './prepare.mjs'

/** What speaks to the package from outside; the rest tests the checkout itself. */
const SUITES = [
  'test/spec/**/*.test.ts',
  'test/koa/*.test.ts',
  'test/stores/{memory,sqlite,redis,postgres-transaction}.test.ts',
]
const NAME = 'post-once-exactly'

await prepare()
const place = mkdtempSync(join(tmpdir(), 'poe-package-'))
try {
  const code = await test(place)
  process.exitCode = code
} finally {
  rmSync(place, { recursive: true, force: true })
}

async function test(folder) {
  // The lines that npm prints about a package's files are many, and of no use here.
  if ((await runNpm(['pack', '--silent', '--pack-destination', folder])) !== 0) return 1
  const [tarball] = readdirSync(folder).filter(file => file.endsWith('.tgz'))
  if (tarball === undefined) fail('npm pack made no tarball')
  const home = join(folder, 'node_modules', NAME)
  mkdirSync(home, { recursive: true })
  const unpacked = await run('tar', [
    '-xzf',
    join(folder, tarball),
    '-C',
    home,
    '--strip-components=1',
  ])
  if (unpacked !== 0) return unpacked
  linkDependencies(join(folder, 'node_modules'))
  cpSync(`${ROOT}test`, join(folder, 'test'), { recursive: true })
  // Tests of internals reach them at the same relative place.
  symlinkSync(join(home, 'lib'), join(folder, 'lib'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "type": "module" }\n')
  const mocha = join(folder, 'node_modules/mocha/bin/mocha.js')
  const options = ['--no-config', '--require', 'test/support/setup.ts', '--timeout', '60000']
  const node = ['--import', 'ts-blank-space/register']
  return await run(
    process.execPath,
    [...node, mocha, ...options, '--reporter', `${ROOT}scripts/count-reporter.mjs`, ...SUITES],
    // What is packed is the same for each store; the servers' own suites are in the list.
    { POE_TEST_STORES: 'memory,sqlite' },
    folder,
  )
}

/** The project's own packages, by links: nothing is fetched or compiled again. */
function linkDependencies(target) {
  for (const entry of readdirSync(`${ROOT}node_modules`)) {
    if (entry.startsWith('.') || entry === NAME) continue
    if (!entry.startsWith('@')) {
      symlinkSync(join(ROOT, 'node_modules', entry), join(target, entry))
      continue
    }
    mkdirSync(join(target, entry), { recursive: true })
    for (const scoped of readdirSync(join(ROOT, 'node_modules', entry))) {
      symlinkSync(join(ROOT, 'node_modules', entry, scoped), join(target, entry, scoped))
    }
  }
}
