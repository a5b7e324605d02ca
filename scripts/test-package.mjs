/**
 * The suites against what would be published: packs the project, and unpacks it as a dependency
 * of a project of its own, with the tests beside it. A file that is missing from the package, or
 * an entry point that leads nowhere, shows here and nowhere else.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, run, runNpm } from './prepare.mjs'
import { testConsumers } from './test-consumers.mjs'
import { testFiles } from './test-files.mjs'
import { runFiles } from './test-run.mjs'

/**
 * What reaches the doors and the stores from outside, on each store: how they behave is tested on
 * the sources, here only that they are packed whole.
 */
const SUITES =
  /^test\/(?:spec\/section-3-minting|koa\/(?:mounts|transactions-.*)|frameworks\/(?:node|fetch))\.test\.ts$/
/** Beside them the consumers are installed and run. */
const WORKERS = 2
/** Of Redis; the sources' own tests, which run at the same time, have those below. */
const FIRST_DATABASE = 500
const NAME = 'post-once-exactly'

/**
 * Runs them; that they cannot be run is a failure.
 *
 * @param {Record<string, string>} env - where the servers of this run are
 * @returns the counts, as `runFiles` gives them
 */
export async function testPackage(env) {
  const folder = mkdtempSync(join(tmpdir(), 'poe-package-'))
  try {
    if (!(await unpackInto(folder))) {
      console.log('the package could not be made')
      return { failures: 1 }
    }
    const { strippedTree } = await import(join(folder, 'test/support/stripped-tree.ts'))
    const suites = {
      cwd: folder,
      workers: WORKERS,
      what: 'of the package, ',
      firstDatabase: FIRST_DATABASE,
      // Without our own, which knows the sources.
      loader: 'ts-blank-space/register',
      // What the package's own processes reach does not count: their files lie elsewhere.
      env: { ...env, POE_TEST_STRIPPED: strippedTree(), NODE_V8_COVERAGE: '' },
    }
    const [consumers, compiled, counts] = await Promise.all([
      testConsumers(join(folder, tarballOf(folder)), join(folder, 'consumers')),
      compileConsumer(folder),
      runFiles(
        testFiles('short').filter(file => SUITES.test(file)),
        suites,
      ),
    ])
    const checked = [...compiled, leadsOn(folder), ...consumers]
    return {
      ...counts,
      passes: counts.passes + checked.filter(Boolean).length,
      failures: counts.failures + checked.filter(isRight => !isRight).length,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Whether the compiler that is next takes a program that uses the package, and nothing of a browser;
 * the others are the consumers' matter.
 */
async function compileConsumer(folder) {
  const common = { strict: true, noEmit: true, target: 'es2023', lib: ['es2023'], types: ['node'] }
  const results = []
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const compilerOptions = { ...common, module, moduleResolution }
    const config = join(folder, 'tsconfig.json')
    writeFileSync(config, JSON.stringify({ compilerOptions, files: ['test/package/consumer.ts'] }))
    const tsc = join(ROOT, 'node_modules/typescript7/bin/tsc')
    const isRight = (await run(process.execPath, [tsc, '-p', config])) === 0
    if (!isRight) console.log(`its types do not compile with TypeScript 7, ${moduleResolution}`)
    results.push(isRight)
  }
  return results
}

/** Whether what the README links to is in the package. */
function leadsOn(folder) {
  const home = join(folder, 'node_modules', NAME)
  const links = readFileSync(join(home, 'README.md'), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)
  const dead = [...links].map(([, path]) => path).filter(path => !existsSync(join(home, path)))
  if (dead.length > 0) console.log(`its README leads nowhere: ${dead.join(', ')}`)
  return dead.length === 0
}

function tarballOf(folder) {
  return String(readdirSync(folder).find(file => file.endsWith('.tgz')))
}

async function unpackInto(folder) {
  // The lines that npm prints about a package's files are many, and of no use here.
  if ((await runNpm(['pack', '--silent', '--pack-destination', folder])) !== 0) return false
  const home = join(folder, 'node_modules', NAME)
  mkdirSync(home, { recursive: true })
  const archive = join(folder, tarballOf(folder))
  const tar = await run('tar', ['-xzf', archive, '-C', home, '--strip-components=1'])
  if (tar !== 0) return false
  linkDependencies(join(folder, 'node_modules'))
  cpSync(`${ROOT}test`, join(folder, 'test'), { recursive: true })
  // Tests of internals reach them at the same relative place; the package has no sources.
  symlinkSync(`${ROOT}lib`, join(folder, 'lib'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "type": "module" }\n')
  return true
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
