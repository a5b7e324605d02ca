/**
 * Projects of others that have installed the package, from the tarball alone: on each Node that is
 * supported, on Deno and on Bun, as ESM and as CommonJS, with the oldest and the newest TypeScript,
 * on Koa 2 and 3, and with the client alone. Their programs are in `test/package`.
 *
 * The Nodes, Deno, Bun, these compilers and better-sqlite3 13 come from the registry, like the
 * package's own dependencies; better-sqlite3 12, which has to be compiled, is the checkout's own,
 * where it has it.
 */
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ROOT, runNpm } from './prepare.mjs'

const MAJORS = [20, 22, 24, 26]
const OWN_MAJOR = Number.parseInt(process.versions.node, 10)
/** As of this one better-sqlite3 13 runs. */
const OLDEST_WITH_13 = 22
/** The oldest has `Uint8Array<ArrayBuffer>`, which our types name, as do those of Node itself. */
const TYPESCRIPTS = { oldest: '5.7.3', newest: '7.0.2' }
/** Those of the checkout that a consumer may have too; what is compiled is compiled already. */
const BORROWED = [
  ...['better-sqlite3', 'bindings', 'file-uri-to-path', '@hono/node-server', 'pg', 'redis'],
  ...['ioredis', '@types', '@redis', 'pg-protocol', 'pg-types', 'undici-types', 'koa2'],
]
/** The one for machines of any age; Bun's own package fetches it by a script. */
const BUN = process.arch === 'arm64' ? 'bun-linux-aarch64' : 'bun-linux-x64-baseline'
const START_MS = 20_000
const SIDE_BY_SIDE = 3
const LONGEST_MS = 120_000
const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']

/**
 * Runs them all.
 *
 * @param {string} tarball - path of the package
 * @param {string} folder - an empty one, where the projects are made
 * @returns {Promise<readonly boolean[]>} what passed; what did not has been told
 */
export async function testConsumers(tarball, folder) {
  const packages = [
    ...[tarball, 'koa@3', '@koa/router', 'better-sqlite3@13', 'deno@2', `bun@npm:@oven/${BUN}@1`],
    ...Object.entries(TYPESCRIPTS).map(([name, version]) => `ts-${name}@npm:typescript@${version}`),
    ...MAJORS.filter(major => major !== OWN_MAJOR).map(major => {
      return `node${major}@npm:node-${process.platform}-${process.arch}@${major}`
    }),
  ]
  // Two at once on one cache are safe, two in one folder would not be.
  const [home, alone] = await Promise.all([
    project(folder, 'consumer', packages),
    project(folder, 'client-alone', [tarball]),
  ])
  if (home === null || alone === null) return [told('the consumers cannot be installed', false)]
  const driver = join(home, 'node_modules/better-sqlite3')
  renameSync(driver, `${driver}-13`)
  for (const name of BORROWED)
    link(join(ROOT, 'node_modules', name), join(home, 'node_modules', name))
  const checks = [...onNodes(home), ...compilers(home), onDeno(home), ...onBun(home, alone)]
  checks.push(clientAlone(alone))
  const passed = await sideBySide(checks)
  // Last, because the others have Koa 3 and better-sqlite3 12 in the same places.
  link(`${driver}-13`, driver)
  passed.push(...(await sideBySide([...onNewDriver(home)])))
  link(join(ROOT, 'node_modules/koa2'), join(home, 'node_modules/koa'))
  const [own, app] = [process.execPath, [process.execPath, 'koa-app.mjs', 'memory']]
  return [...passed, await judged(home, 'Koa 2, memory', app, [own, poe(home)])]
}

/** Runs checks, some at a time: each waits for most of its time. */
async function sideBySide(checks) {
  const [passed, left] = [[], [...checks]]
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) passed.push(await next())
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work))
  return passed
}

/** Makes a project, and installs what it wants; `null` where that is not to be had. */
async function project(folder, name, packages) {
  const home = join(folder, name)
  cpSync(`${ROOT}test/package`, home, { recursive: true })
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n')
  const code = await runNpm([...INSTALL, '--prefix', home, ...packages])
  return code === 0 ? home : null
}

function* onNodes(home) {
  const own = process.execPath
  yield () => judged(home, 'Koa 3, sqlite', [own, 'koa-app.mjs'], ['npx', 'poe'])
  yield () => judged(home, 'node:http', [own, 'node-app.mjs'], [own, poe(home)])
  yield () => judged(home, 'fetch', [own, 'fetch-app.mjs'], [own, poe(home)])
  for (const major of MAJORS) {
    const node = nodeOf(home, major)
    yield () => passes(home, `CommonJS on Node ${major}`, [node, 'required.cjs'])
    const app = [node, 'koa-app.mjs', 'memory']
    yield () => judged(home, `Koa 3, memory, Node ${major}`, app, [node, poe(home)])
  }
  // On a later Node the checkout has 13 itself.
  if (OWN_MAJOR >= OLDEST_WITH_13) return
  const wrong = [nodeOf(home, 24), 'driver.mjs', 'better-sqlite3@13']
  yield () => passes(home, 'better-sqlite3 12, Node 24', wrong)
}

function* onNewDriver(home) {
  for (const major of MAJORS) {
    const node = nodeOf(home, major)
    const title = `better-sqlite3 13, Node ${major}`
    const wrong = [node, 'driver.mjs', 'better-sqlite3@12']
    if (major < OLDEST_WITH_13) yield () => passes(home, title, wrong)
    else yield () => judged(home, title, [node, 'koa-app.mjs'], [node, poe(home)])
  }
}

function nodeOf(home, major) {
  if (major === OWN_MAJOR) return process.execPath
  return join(home, `node_modules/node${major}/bin/node`)
}

function* compilers(home) {
  const [oldest, newest] = ['oldest', 'newest'].map(name => join(home, `node_modules/ts-${name}`))
  const six = join(ROOT, 'node_modules/typescript')
  for (const [compiler, module, moduleResolution, file] of [
    [oldest, 'node16', 'node16', 'consumer.ts'],
    [newest, 'nodenext', 'nodenext', 'consumer.ts'],
    [newest, 'nodenext', 'nodenext', 'required.cts'],
    [six, 'esnext', 'bundler', 'consumer.ts'],
  ]) {
    yield () => {
      const common = {
        strict: true,
        noEmit: true,
        target: 'es2022',
        lib: ['es2023'],
        types: ['node'],
      }
      const compilerOptions = { ...common, module, moduleResolution }
      const config = `tsconfig-${file}-${moduleResolution}.json`
      writeFileSync(join(home, config), JSON.stringify({ compilerOptions, files: [file] }))
      const title = `${file}, ${moduleResolution}, ${compiler}`
      return passes(home, title, [process.execPath, join(compiler, 'bin/tsc'), '-p', config])
    }
  }
}

function onDeno(home) {
  const deno = [
    join(home, 'node_modules/.bin/deno'),
    'run',
    '-A',
    '--node-modules-dir=manual',
    'fetch-app.mjs',
  ]
  return () => judged(home, 'fetch on Deno', deno, [process.execPath, poe(home)])
}

function* onBun(home, alone) {
  const [bun, own] = [join(home, 'node_modules/bun/bin/bun'), process.execPath]
  yield () => judged(home, 'fetch on Bun', [bun, 'fetch-app.mjs'], [own, poe(home)])
  yield () => passes(alone, 'the client alone on Bun', [bun, 'client-alone.mjs'])
}

/** The client with nothing but the package: no Koa, no driver, and a page's without Node's modules. */
function clientAlone(home) {
  return async () => {
    const strange = ['koa', '@koa', 'pg', 'redis', 'better-sqlite3'].filter(name =>
      existsSync(join(home, 'node_modules', name)),
    )
    if (strange.length > 0) return told(`the client alone brings ${strange.join(', ')}`, false)
    const entries = ['browser', 'browser/journal', 'form']
    const contents = entries.map(name => `export * from 'post-once-exactly/client/${name}'`)
    const { outputFiles, metafile } = await build({
      ...{ bundle: true, write: false, metafile: true, format: 'esm', platform: 'browser' },
      stdin: { contents: contents.join('\n'), resolveDir: home },
    })
    const [text = ''] = outputFiles.map(file => file.text)
    const isPlain = !text.includes('node:') && Object.keys(metafile.inputs).length > entries.length
    return (
      told('a bundle of the client', isPlain) &&
      passes(home, 'the client alone', [process.execPath, 'client-alone.mjs'])
    )
  }
}

/** Starts an application, and lets `poe check` judge it by the default profile. */
async function judged(home, title, app, command) {
  const [program, ...args] = app
  const child = spawn(program, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise(resolve => child.once('close', resolve))
  const heard = hear(child)
  try {
    const page = await firstLine(child)
    // What packing can break shows in one round of a race as in twenty.
    const check = ['check', page, '--valid', '{"sku":"tea"}', '--age', '0', '--rounds', '1']
    return await passes(home, title, [...command, ...check])
  } catch (error) {
    return told(title, false, `${error.message}\n${heard()}`)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** Whether a program ends well; what it has printed is told where it does not. */
async function passes(home, title, [program, ...args]) {
  const child = spawn(program, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] })
  const heard = hear(child)
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS)
  const code = await new Promise(resolve => {
    child.once('error', resolve)
    child.once('close', resolve)
  })
  clearTimeout(timer)
  return told(title, code === 0, heard())
}

function told(title, isRight, text = '') {
  console.log(isRight ? `  installed: ${title}` : `  installed: ${title} FAILED\n${text}`)
  return isRight
}

function hear(child) {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text = (text + chunk).slice(-30_000)
    })
  }
  return () => text
}

function firstLine(child) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it does not start')), START_MS)
    const settle = act => {
      clearTimeout(timer)
      act()
    }
    child.stdout.on('data', chunk => settle(() => resolve(String(chunk).trim().split('\n')[0])))
    child.once('error', error => settle(() => reject(error)))
    child.once('close', code => settle(() => reject(new Error(`it ended with ${code}`))))
  })
}

function poe(home) {
  return join(home, 'node_modules/post-once-exactly/dist/cli/main.js')
}

function link(target, path) {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(join(path, '..'), { recursive: true })
  symlinkSync(target, path)
}
