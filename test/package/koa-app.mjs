/**
 * The README's lines in an application of Koa: read from the README that is installed, and run.
 * With `memory` as its argument the store is the memory's. Prints where its page is.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const README = new URL('node_modules/post-once-exactly/README.md', import.meta.url)
const [, block = ''] = /```js\n(import \{ poe \}.*?)```/s.exec(readFileSync(README, 'utf8')) ?? []
const lines = process.argv[2] === 'memory' ? onMemory(block) : block
const program = new URL(`readme-${process.pid}.mjs`, import.meta.url)
writeFileSync(
  program,
  `import Koa from 'koa'
import Router from '@koa/router'
${lines.match(/^import .*$/gm)?.join('\n')}

const app = new Koa()
app.silent = true
const router = new Router()
app.use((ctx, next) => {
  ctx.state.user = { id: 'somebody' }
  return next()
})
let orders = 0
const placeOrder = async ctx => {
  for await (const _ of ctx.req);
  orders += 1
  ctx.status = 201
  ctx.set('Location', \`/orders/\${orders}\`)
  ctx.body = { id: orders }
}
${lines.replaceAll(/^import .*$/gm, '')}
router.get('/basket', ctx => {
  ctx.body = { link: ctx.poe.link('order') }
})
app.use(router.routes())
const server = app.listen(0, '127.0.0.1', () => {
  console.log(\`http://127.0.0.1:\${server.address().port}/basket\`)
})
`,
)
await import(program.href)

function onMemory(text) {
  return text
    .replaceAll('stores/sqlite', 'stores/memory')
    .replace(/sqliteStore\([^)]*\)/, 'memoryStore()')
    .replaceAll('sqliteStore', 'memoryStore')
}
