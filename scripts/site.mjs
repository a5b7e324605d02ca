/**
 * What the site must be, besides what typedoc makes: no link of it is dead, nothing is loaded from
 * elsewhere, what people come for is two clicks away; and `llms.txt`, its index for programs.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parse } from 'parse5'

/** What a visitor finds in two clicks from the first page, and where. */
export const GOALS = {
  'Redis in production': 'documents/redis.html',
  'keys for clients as Stripe has them': 'documents/idempotency-key.html',
  'what to do after a crash': 'documents/operate.html',
  'how to come from another library': 'documents/migrate.html',
  'how to judge a server in another language': 'documents/conformance.html',
}
const CLICKS = 2
const ELSEWHERE = /^(?:[a-z][a-z\d+.-]*:|\/\/)/i

/**
 * Looks at every page of a built site.
 *
 * @param {string} site - its folder
 * @returns {string[]} what is wrong, a line each; empty where nothing is
 */
export function faultsOfSite(site) {
  const pages = new Map(pagesIn(site).map(path => [path, readPage(join(site, path))]))
  const faults = [...pages].flatMap(([path, page]) => faultsOfPage(site, pages, path, page))
  const near = reachedFrom(site, pages, 'index.html')
  const far = Object.entries(GOALS).filter(([, path]) => !near.has(path))
  return [...faults, ...far.map(([goal, path]) => `more than ${CLICKS} clicks to ${path}: ${goal}`)]
}

/**
 * `llms.txt` of the index of guides: its sections, with a line for each guide.
 *
 * @param {string} root - of the checkout
 * @param {string} description - of the package, in one sentence
 */
export function llmsText(root, description) {
  const index = readFileSync(join(root, 'docs', 'README.md'), 'utf8')
  const lines = index.split('\n').flatMap(line => {
    if (line.startsWith('## ')) return ['', line, '']
    const [, purpose, guides] = /^\| (.+) \| (.+) \|$/.exec(line) ?? []
    return [...(guides ?? '').matchAll(/\]\(([\w-]+)\.md\)/g)].map(([, name]) => {
      const [, title] =
        /^# (.+)$/m.exec(readFileSync(join(root, 'docs', `${name}.md`), 'utf8')) ?? []
      return `- [${title}](documents/${name}.html): ${purpose.replaceAll('`', '')}`
    })
  })
  const api = ['', '## API', '', '- [All modules](modules.html): each entry point and its exports']
  return ['# post-once-exactly', '', `> ${description}`, ...lines, ...api, ''].join('\n')
}

function pagesIn(site, folder = '.') {
  return readdirSync(join(site, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return path === 'media' ? [] : pagesIn(site, path)
    return path.endsWith('.html') ? [path] : []
  })
}

/** What a page leads to, what it loads, and what can be led to in it. */
function readPage(file) {
  const page = { links: new Set(), loads: new Set(), ids: new Set() }
  const waiting = [parse(readFileSync(file, 'utf8'))]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    waiting.push(...(node.childNodes ?? []))
    for (const { name, value } of node.attrs ?? []) {
      if (name === 'id') page.ids.add(value)
      if (name === 'src' || (name === 'href' && node.nodeName === 'link')) page.loads.add(value)
      if (name === 'href' && node.nodeName === 'a') page.links.add(value)
    }
  }
  return page
}

function faultsOfPage(site, pages, path, { links, loads }) {
  const foreign = [...loads].filter(each => ELSEWHERE.test(each) && !each.startsWith('data:'))
  const own = [...links, ...loads].filter(each => !ELSEWHERE.test(each))
  const dead = own.filter(each => !isThere(site, pages, path, each))
  return [
    ...foreign.map(each => `${path} loads ${each}`),
    ...dead.map(each => `${path} leads nowhere: ${each}`),
  ]
}

function isThere(site, pages, from, link) {
  const [target, fragment = ''] = link.split('#')
  const path = target === '' ? from : pathOf(site, from, target)
  if (!existsSync(join(site, path)) || statSync(join(site, path)).isDirectory()) return false
  const isTop = fragment === '' || fragment === 'top'
  return isTop || !pages.has(path) || pages.get(path).ids.has(decodeURIComponent(fragment))
}

function pathOf(site, from, target) {
  const path = decodeURIComponent(target.split('?')[0])
  return relative(site, resolve(site, dirname(from), path))
}

function reachedFrom(site, pages, first) {
  let edge = [first]
  const reached = new Set(edge)
  for (let click = 1; click <= CLICKS; click += 1) {
    const next = edge.flatMap(from =>
      [...(pages.get(from)?.links ?? [])]
        .filter(link => !ELSEWHERE.test(link) && !link.startsWith('#'))
        .map(link => pathOf(site, from, link.split('#')[0])),
    )
    edge = next.filter(path => !reached.has(path))
    for (const path of edge) reached.add(path)
  }
  return reached
}
