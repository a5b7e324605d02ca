/** Programs of the client's tests as plain JavaScript, so that their processes start quickly. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import blankSpace from 'ts-blank-space'
import { strippedModule } from '../../support/stripped-tree.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Gives the path of a program's JavaScript beside that of the library; it is removed when this
 * process ends.
 *
 * @param path - of a TypeScript module that imports the library only, relative to the root
 */
export function strippedProgram(path: string): string {
  const tree = dirname(dirname(strippedModule('lib/index.ts')))
  const copy = join(tree, path.replace(/\.ts$/, '.js'))
  // A process may be reading it.
  if (existsSync(copy)) return copy
  mkdirSync(dirname(copy), { recursive: true })
  writeFileSync(copy, blankSpace(readFileSync(join(ROOT, path), 'utf8')))
  return copy
}
