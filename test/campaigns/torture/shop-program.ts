/** The shop's program as plain JavaScript: it must be up again in a moment after each kill. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import blankSpace from 'ts-blank-space'
import { strippedModule } from '../../support/stripped-tree.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** What the program is made of, besides the library and the tests' support. */
const PARTS = ['examples/shop', 'test/campaigns/torture']
const PROGRAM = 'test/campaigns/torture/shop-process.js'

/** Gives the path of the program; the copy is removed when this process ends. */
export function shopProgram(): string {
  const tree = dirname(dirname(strippedModule('lib/index.ts')))
  const program = join(tree, PROGRAM)
  if (existsSync(program)) return program
  for (const part of PARTS) {
    for (const name of readdirSync(join(ROOT, part), { recursive: true, encoding: 'utf8' })) {
      const path = join(part, name)
      mkdirSync(dirname(join(tree, path)), { recursive: true })
      if (name.endsWith('.ts')) writeFileSync(copyOf(tree, path), javaScriptOf(path))
      else if (name.endsWith('.css')) cpSync(join(ROOT, path), join(tree, path))
    }
  }
  return program
}

function copyOf(tree: string, path: string): string {
  return join(tree, path.replace(/\.ts$/, '.js'))
}

function javaScriptOf(path: string): string {
  return blankSpace(readFileSync(join(ROOT, path), 'utf8'))
}
