/**
 * The tree without its types, as plain JavaScript in a temporary folder: a process that starts
 * from it need not load a compiler first, and tests that start dozens take a third of the time.
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
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type blankSpaceOf from 'ts-blank-space'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** What programs are made of: the library, the tests' own, and the shop. */
const PARTS = ['lib', 'test', 'examples/shop']
const INSTALLED = 'node_modules/post-once-exactly/package.json'
const NONE = { name: '', type: 'module', exports: {} }
const SOURCE = '@post-once-exactly/source'

/** A run over several processes has one copy, which its runner made. */
let folder: string | null = process.env.POE_TEST_STRIPPED ?? null

/**
 * Gives the path of a module's JavaScript. The first call makes the copy; it is removed when this
 * process ends.
 *
 * @param path - of a TypeScript module of the library, the tests or the shop, relative to the root
 */
export function strippedModule(path: string): string {
  return join(strippedTree(), path.replace(/\.ts$/, '.js'))
}

/** The folder of the copy, which looks like the root. */
export function strippedTree(): string {
  folder ??= strip()
  return folder
}

function strip(): string {
  // Not imported: it would be half loaded when what takes the types out of the other modules asks
  // for it, which Node 24 refuses.
  const compiler = createRequire(import.meta.url)('ts-blank-space')
  const { default: blankSpace } = compiler as { readonly default: typeof blankSpaceOf }
  const target = mkdtempSync(join(tmpdir(), 'poe-stripped-'))
  process.once('exit', () => rmSync(target, { recursive: true, force: true }))
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'))
  writeFileSync(join(target, 'package.json'), JSON.stringify(packageFile()))
  for (const part of PARTS.filter(name => existsSync(join(ROOT, name)))) {
    for (const name of readdirSync(join(ROOT, part), { recursive: true, encoding: 'utf8' })) {
      const path = join(part, name)
      if (/\.(?:css|json)$/.test(name)) cpSync(join(ROOT, path), join(target, path))
      if (!name.endsWith('.ts') || /\.(?:d|test)\.ts$/.test(name)) continue
      const copy = join(target, path.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(copy), { recursive: true })
      writeFileSync(copy, blankSpace(readFileSync(join(ROOT, path), 'utf8')))
    }
  }
  return target
}

/** The package as it is, here or installed, its entry points being the copies. */
function packageFile(): object {
  const { name, type, exports } = readPackage('package.json') ?? readPackage(INSTALLED) ?? NONE
  const entries = Object.entries(exports).map(([entry, targets]) => {
    return [entry, targets[SOURCE]?.replace(/\.ts$/, '.js') ?? null]
  })
  return { name, type, exports: Object.fromEntries(entries) }
}

interface PackageFile {
  readonly name: string
  readonly type: string
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>
}

function readPackage(path: string): PackageFile | null {
  const file = JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Partial<PackageFile>
  return file.exports === undefined ? null : (file as PackageFile)
}
