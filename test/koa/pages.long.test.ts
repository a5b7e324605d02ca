/**
 * Our own pages as people and validators find them: no violation of accessibility rules in light,
 * dark or on a phone, and valid HTML, in each language.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from 'chai'
import { HtmlValidate } from 'html-validate'
import { chromium } from 'playwright-core'
import { textsWith, wordsOf } from '../../lib/answers/page-texts.js'
import { problemPage } from '../../lib/answers/problem.js'
import { LINK_REFUSALS } from '../../lib/answers/refusals.js'
import { describeWith, findProgram } from '../support/servers/programs.js'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Found {
  readonly violations: readonly { readonly id: string; readonly help: string }[]
}

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
    const validate = new HtmlValidate({
      extends: ['html-validate:standard', 'html-validate:a11y'],
    })
    for (const [name, html] of pages()) {
      const report = await validate.validateString(html)
      const messages = report.results.flatMap(({ messages }) =>
        messages.map(({ message }) => message),
      )
      expect(messages, name).to.deep.equal([])
    }
    const broken = await validate.validateString('<!doctype html><html><p><main></p>')
    expect(broken.valid, 'a planted fault').to.equal(false)
  })
})

describeWith(['chromium'], 'our own pages in Chromium', function () {
  this.timeout(120_000)

  it('have no violation that axe finds, light, dark, at 375 px, no sideways scroll', async () => {
    const executablePath = findProgram('chromium') ?? 'chromium'
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    try {
      for (const [colorScheme, width] of [
        ['light', 1_280],
        ['dark', 1_280],
        ['light', 375],
        ['dark', 375],
      ] as const) {
        const viewport = { width, height: 700 }
        const context = await browser.newContext({ colorScheme, viewport, bypassCSP: true })
        const page = await context.newPage()
        const check = async (html: string) => {
          await page.setContent(html)
          await page.evaluate(AXE)
          return (await page.evaluate('axe.run()')) as Found
        }
        for (const [name, html] of pages()) {
          const { violations } = await check(html)
          expect(violations, `${name}, ${colorScheme}, ${width}`).to.deep.equal([])
          const isWide = await page.evaluate(
            () => document.documentElement.scrollWidth > innerWidth,
          )
          expect(isWide, `${name} at ${width}`).to.equal(false)
        }
        const pale = pages()[0]?.[1].replace('<h1>', '<h1 style="color:#888;background:#777">')
        const { violations } = await check(pale ?? '')
        expect(
          violations.map(({ id }) => id),
          'a planted fault',
        ).to.include('color-contrast')
        await context.close()
      }
    } finally {
      await browser.close()
    }
  })
})
