/**
 * `npm run build`: compiles `lib` into `dist`, as it is published. The modules have no comments and
 * no maps: with them the package would be three times as large, and a stack trace leads to code
 * that can be read as it is. The declarations keep their comments, for editors, and only those stay
 * that an entry point leads to.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare, ROOT, run } from './prepare.mjs'

const TSC = fileURLToPath(new URL('../node_modules/typescript7/bin/tsc', import.meta.url))

await prepare()
// What an earlier build left behind would be published too.
rmSync(`${ROOT}dist`, { recursive: true, force: true })
const outputs = [
  ['--emitDeclarationOnly'],
  ['--declaration', 'false', '--isolatedDeclarations', 'false', '--removeComments'],
]
for (const options of outputs) {
  process.exitCode = await run(process.execPath, [TSC, '-p', 'tsconfig.build.json', ...options])
  if (process.exitCode !== 0) break
}
if (process.exitCode === 0) removeUnreached()

/** Declarations that no entry point's types need are a third of them: nobody can import those. */
function removeUnreached() {
  const { exports } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
  const reached = new Set()
  const reach = file => {
    if (reached.has(file) || !existsSync(file)) return
    reached.add(file)
    const text = readFileSync(file, 'utf8')
    for (const [, path] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]*)\.js['"]/g)) {
      reach(join(dirname(file), `${path}.d.ts`))
    }
  }
  for (const { types } of Object.values(exports)) if (types) reach(join(ROOT, types))
  const dist = join(ROOT, 'dist')
  for (const name of readdirSync(dist, { recursive: true })) {
    const file = join(dist, name)
    if (name.endsWith('.d.ts') && !reached.has(file)) rmSync(file)
  }
}
