/**
 * Our own pages as people and validators find them: no violation of accessibility rules in light,
 * dark or on a phone, and valid HTML, in each language.
 */
import { expect } from 'chai'
import { textsWith, wordsOf } from '../../lib/answers/page-texts.js'
import { problemPage } from '../../lib/answers/problem.js'
import { LINK_REFUSALS } from '../../lib/answers/refusals.js'
import { startBrowser } from '../client/browser/chromium.js'
import {
  expectFaultFound,
  expectGoodLooks,
  mistakesIn,
  shapeOf,
  WIDTHS,
  watch,
} from '../support/page-checks.js'
import { describeWith } from '../support/servers/programs.js'

/** A page for each refusal and language, with every way on. */
function pages(): (readonly [name: string, html: string])[] {
  return [...textsWith()].flatMap(([language, texts]) =>
    Object.values(LINK_REFUSALS).map(problem => {
      const ways = Object.values(texts.labels).map((text: string) => ['/x', text] as const)
      const words = { ...wordsOf(texts, problem), language, result: '/orders/1' }
      return [`${problem.kind}, ${language}`, problemPage({ ...words, ways })] as const
    }),
  )
}

describe('our own pages', () => {
  it('are valid HTML', async () => {
    for (const [name, html] of pages()) expect(await mistakesIn(html), name).to.deep.equal([])
  })
})

describeWith(['chromium'], 'our own pages in Chromium', function () {
  this.timeout(120_000)

  it('have no violation that axe finds, light, dark, at 375 px, no sideways scroll', async () => {
    const browser = await startBrowser()
    try {
      const context = await browser.newContext({ bypassCSP: true })
      await watch(context)
      const page = await context.newPage()
      let shown = ''
      const refusals = Object.keys(LINK_REFUSALS).length
      const shapes = new Set<string>()
      await context.route('**', route => route.fulfill({ contentType: 'text/html', body: shown }))
      for (const [index, [name, html]] of pages().entries()) {
        shown = html
        await page.goto('http://pages.invalid/')
        // Other words may be too wide, and nothing else.
        if (shapes.has(shapeOf(html))) await expectGoodLooks(page, name, [375], [])
        else if (index < refusals) await expectGoodLooks(page, name, WIDTHS)
        else await expectGoodLooks(page, name, [375], ['light'])
        shapes.add(shapeOf(html))
      }
      await expectFaultFound(page)
    } finally {
      await browser.close()
    }
  })
})
