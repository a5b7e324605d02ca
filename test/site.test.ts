/** What `npm run docs` looks for in the site that it has made, and its index for programs. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
// @ts-expect-error It runs before there are packages, so it is JavaScript without types.
import { faultsOfSite, GOALS, llmsText } from '../scripts/site.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const goals = Object.values(GOALS as Readonly<Record<string, string>>)

/** The faults of a site whose first page leads to all guides; `pages` are put over its own. */
function faultsWith(pages: Readonly<Record<string, string>>): string[] {
  const site = mkdtempSync(join(tmpdir(), 'once-site-'))
  const first = goals.map(path => `<a href="${path}#top">guide</a>`).join('')
  const guides = Object.fromEntries(goals.map(path => [path, '<h1 id="top">x</h1>']))
  try {
    for (const [path, text] of Object.entries({ 'index.html': first, ...guides, ...pages })) {
      mkdirSync(dirname(join(site, path)), { recursive: true })
      writeFileSync(join(site, path), text)
    }
    return faultsOfSite(site)
  } finally {
    rmSync(site, { recursive: true })
  }
}

describe('the site', () => {
  it('one whose links all lead somewhere has no faults', () => {
    const more =
      '<a href="../index.html">i</a> <a href="#a">a</a> <i id="a"></i> <a href="mailto:a">e</a>'
    expect(faultsWith({})).to.deep.equal([])
    expect(faultsWith({ 'documents/more.html': more })).to.deep.equal([])
  })

  for (const [what, text] of [
    ['a dead link', '<a href="gone.html">x</a>'],
    ['a dead link to a file of the checkout', '<a href="../media/app.ts">x</a>'],
    ['a link to no heading', '<a href="redis.html#gone">x</a>'],
    ['a picture that is missing', '<img src="../media/gone.svg">'],
    ['a script of somebody else', '<script src="https://stats.example/a.js"></script>'],
    ['a style of somebody else', '<link rel="stylesheet" href="//fonts.example/a.css">'],
  ] as const) {
    it(`${what} is a fault`, () => {
      expect(faultsWith({ 'documents/more.html': text })).to.have.lengthOf(1)
    })
  }

  it('a guide that is three clicks away is a fault, two clicks are none', () => {
    const list = goals.map(path => `<a href="${path}">guide</a>`).join('')
    const near = { 'index.html': '<a href="list.html">x</a>', 'list.html': list }
    expect(faultsWith(near)).to.deep.equal([])
    const far = {
      ...near,
      'index.html': '<a href="a.html">x</a>',
      'a.html': '<a href="list.html">x</a>',
    }
    expect(faultsWith(far)).to.have.lengthOf(goals.length)
  })

  it('its first page leads to what people come for at once', () => {
    const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
    for (const path of goals) {
      expect(index).to.contain(`(${path.replace('documents/', '').replace('.html', '.md')})`)
    }
  })

  it('llms.txt names each guide with its title, and its section', () => {
    const text: string = llmsText(ROOT, 'What it is')
    expect(text).to.match(/^# post-once-exactly\n\n> What it is\n\n## /)
    for (const path of goals)
      expect(text).to.match(new RegExp(`^- \\[[^\\]]+\\]\\(${path}\\): .+$`, 'm'))
    expect(text).not.to.contain('undefined')
  })
})
