/**
 * `npm run docs`: makes the site of guides and API pages, which is static and searches in the
 * browser, looks whether each link of it leads somewhere, and serves it on this machine until it is
 * stopped. `--port <n>` chooses where, 8080 by default; `--build` only makes it, in `.tmp/site`.
 */
import { createReadStream, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, prepare, ROOT, run } from './prepare.mjs'

const SITE = join(ROOT, '.tmp', 'site')
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
}
/** Guides link to files of the checkout: they are shown as they are. */
const TEXT = 'text/plain; charset=utf-8'

const { port, isBuild } = options()
await prepare()
const code = await run(process.execPath, [
  'node_modules/typedoc/bin/typedoc',
  '--options',
  'typedoc.json',
])
if (code !== 0) fail('The site could not be made; see above.', code)
await finish()
if (!isBuild) serve()

/** parse5 is there after the install only. */
async function finish() {
  const { faultsOfSite, llmsText } = await import('./site.mjs')
  const { description } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  writeFileSync(join(SITE, 'llms.txt'), llmsText(ROOT, description))
  const faults = faultsOfSite(SITE)
  if (faults.length > 0) fail(`The site has faults:\n${faults.join('\n')}`, 1)
}

function options() {
  try {
    const { values } = parseArgs({
      options: { port: { type: 'string', default: '8080' }, build: { type: 'boolean' } },
    })
    const number = Number(values.port)
    if (Number.isInteger(number) && number >= 0 && number < 65_536) {
      return { port: number, isBuild: values.build === true }
    }
  } catch {}
  return fail('usage: npm run docs -- [--port <n> | --build]', 2)
}

function serve() {
  const server = createServer((request, response) => {
    const file = fileOf(request.url ?? '/')
    if (file === null) return response.writeHead(404).end('There is no such page.\n')
    response.setHeader('Content-Type', TYPES[extname(file)] ?? TEXT)
    return createReadStream(file).pipe(response)
  })
  server.on('error', error => fail(`It cannot be served: ${error.message}`))
  server.listen(port, '127.0.0.1', () => {
    console.log(`The guides: http://127.0.0.1:${server.address().port}/ (Ctrl+C ends it)`)
  })
}

/** The file that a path stands for; `null` where there is none in the site. */
function fileOf(target) {
  try {
    const path = decodeURIComponent(new URL(target, 'http://site').pathname)
    const file = join(SITE, path.endsWith('/') ? `${path}index.html` : path)
    return file.startsWith(SITE + sep) && statSync(file).isFile() ? file : null
  } catch {
    return null
  }
}
