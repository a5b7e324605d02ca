/** The library compiled as users get it: of the working tree, or of another commit. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = join(ROOT, '.tmp', 'bench')
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')

/**
 * Compiles the library.
 *
 * @param ref - a commit; the working tree by default
 * @returns the folder with its modules
 * @throws Error where that fails
 */
export function build(ref?: string): string {
  mkdirSync(FOLDER, { recursive: true })
  // One for each run: another may be at work.
  const folder = mkdtempSync(
    join(FOLDER, `${ref === undefined ? 'here' : ref.replace(/\W/g, '_')}-`),
  )
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const dist = join(folder, 'dist')
  if (ref !== undefined) {
    const files = 'lib tsconfig.json tsconfig.build.json package.json'
    run('sh', ['-c', `git archive "$1" ${files} | tar -x -C "$2"`, 'sh', ref, folder], ROOT)
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  }
  const project = join(ref === undefined ? ROOT : folder, 'tsconfig.build.json')
  // Types are judged by `npm run check`; here they only take time.
  run(process.execPath, [TSC, '-p', project, '--outDir', dist, '--noCheck'], ROOT)
  return dist
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`)
}
