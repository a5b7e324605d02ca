/**
 * `npm run build`: compiles `lib` into `dist`, as it is published. The modules have no comments and
 * no maps: with them the package would be three times as large, and a stack trace leads to code
 * that can be read as it is. The declarations keep their comments, for editors.
 */
import { rmSync } from 'node:fs'
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
