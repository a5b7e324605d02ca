/**
 * An older release of this library, beside this one: the tree of a commit, taken from git.
 *
 * The commit is the oldest one whose records this release still shares a store with. A change of
 * what is written that such a release cannot read moves it, and is a breaking change (decision
 * 0036). A tree without history, or with less than that, has no older release to test with.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Release } from './server-process.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COMMIT = '55d569d69798ab4f73aca94ee4a5efa5dc181200'
const PARTS = ['package.json', 'lib', 'scripts', 'test/support']
const MOST_BYTES = 100_000_000

/** The older release. */
export interface OlderRelease extends Release {
  /** Loads a module of it. @param path - relative to its root */
  load(path: string): Promise<Record<string, unknown>>
  remove(): void
}

/** Whether the history here reaches so far back; where it does not, a line says so. */
export function hasOlderRelease(): boolean {
  const { status } = spawnSync('git', ['cat-file', '-e', `${COMMIT}^{commit}`], { cwd: ROOT })
  if (status === 0) return true
  const cure = 'git fetch --unshallow brings it to a shallow clone'
  process.stderr.write(`    two releases on one store are not tested: no ${COMMIT}; ${cure}\n`)
  return false
}

/** Takes it from git. */
export function olderRelease(): OlderRelease {
  const git = { cwd: ROOT, maxBuffer: MOST_BYTES }
  const archive = spawnSync('git', ['archive', '--format=tar', COMMIT, ...PARTS], git)
  const folder = mkdtempSync(join(tmpdir(), 'poe-older-'))
  const tree = join(folder, 'post-once-exactly')
  mkdirSync(tree)
  const { status } = spawnSync('tar', ['-x', '-C', tree], { input: archive.stdout })
  if (archive.status !== 0 || status !== 0) throw new Error('the older release cannot be unpacked')
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const at = (path: string) => pathToFileURL(join(tree, path)).href
  return {
    program: () => [
      ...['--import', at('scripts/typescript.mjs')],
      join(tree, 'test/support/server-program.ts'),
    ],
    // Its files are not those whose coverage is asked for.
    env: { NODE_V8_COVERAGE: '' },
    load: path => import(at(path)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
