/**
 * Forms as people write them, in Chromium: whatever a form holds, by script the same arrives as
 * without, and what is none of our business is left alone.
 *
 * @see WHATWG HTML 4.10.21
 */
import { expect } from 'chai'
import type { Browser, BrowserContext, Page, Route } from 'playwright-core'
import { describeWith } from '../../support/servers/programs.js'
import { blockDatabase, closePages, startBrowser } from './chromium.js'
import { expectText, formScript, mayBeOverlooked, newcomer, until } from './form-stage.js'
import { type OddSite, startOddSite } from './odd-site.js'

/** A form in an enhanced element. */
const form = (content: string, more = '') =>
  `<poe-form><form method="post" action="{link}" ${more}>${content}</form></poe-form>`
const MULTIPART = 'enctype="multipart/form-data"'
const CLOBBERING = ['submit', 'action', 'method', 'enctype', 'target', 'elements', 'length', 'id']
const MORE_NAMES = ['name', 'dataset', 'lang', 'closest', 'parentNode', 'requestSubmit', 'reset']
const BUTTON = '<button id="go">Go</button>'

interface Case {
  readonly what: string
  readonly markup: string
  /** What is done; else the button with the id `go` is pressed. */
  readonly act?: (page: Page) => Promise<void>
  readonly fields: unknown
  readonly at?: string
}

const CASES: readonly Case[] = [
  {
    what: 'fields that are named like the form’s own properties',
    markup: form(
      [...CLOBBERING, ...MORE_NAMES].map(name => `<input name="${name}" value="1">`).join('') +
        BUTTON,
    ),
    // Such names confuse what presses buttons for tests, too.
    act: page =>
      page.evaluate(() => (document.querySelector('#go') as HTMLElement | null)?.click()),
    fields: Object.fromEntries([...CLOBBERING, ...MORE_NAMES].map(name => [name, '1'])),
  },
  {
    what: 'two buttons with a name: the one that was pressed',
    markup: form(
      '<input name="sku" value="tea"><button name="do" value="draft">Draft</button>' +
        '<button name="do" value="order" id="go">Order</button>',
    ),
    fields: { sku: 'tea', do: 'order' },
  },
  {
    what: '[FALSE-4405] a button with a name, and the browser’s own words as its value',
    markup: form('<input name="sku" value="tea"><input type="submit" name="do" id="go">'),
    fields: { sku: 'tea', do: 'Submit' },
  },
  {
    what: '[FALSE-4405] a name with a line break',
    markup: form(`<input name="a\nb" value="tea">${BUTTON}`),
    fields: { 'a\r\nb': 'tea' },
  },
  {
    what: 'Enter: the first button',
    markup: form(
      '<input name="sku" value="tea" id="sku"><button name="do" value="draft">Draft</button>' +
        '<button name="do" value="order">Order</button>',
    ),
    act: page => page.press('#sku', 'Enter'),
    fields: { sku: 'tea', do: 'draft' },
  },
  {
    what: 'a button with an address of its own',
    markup: form('<input name="sku" value="tea"><button formaction="{other}" id="go">x</button>'),
    fields: { sku: 'tea' },
    at: 'other',
  },
  {
    what: 'a field and the button outside of the form',
    markup:
      form('<input name="sku" value="tea">', 'id="f"') +
      '<input form="f" name="qty" value="2">' +
      '<button form="f" name="do" value="1" id="go">x</button>',
    fields: { sku: 'tea', qty: '2', do: '1' },
  },
  {
    what: 'what is disabled is left out',
    markup: form(
      '<fieldset disabled><legend><input name="legend" value="1"></legend>' +
        '<input name="inner" value="1"></fieldset><input name="off" value="1" disabled>' +
        `<input name="sku" value="tea"><input value="unnamed">${BUTTON}`,
    ),
    fields: { legend: '1', sku: 'tea' },
  },
  {
    what: 'lists, boxes, lines, character set and direction',
    markup: form(
      '<select name="list" multiple><option selected>a<option selected>b<option>c</select>' +
        '<input type="checkbox" name="on" checked><input type="checkbox" name="off">' +
        '<input type="radio" name="one" value="1">' +
        '<input type="radio" name="one" value="2" checked>' +
        '<textarea name="text" dirname="dir">one\ntwo &lt;b&gt; ü 🍵</textarea>' +
        `<input type="hidden" name="_charset_"><input type="file" name="scan">${BUTTON}`,
    ),
    fields: {
      list: ['a', 'b'],
      on: 'on',
      one: '2',
      text: 'one\r\ntwo <b> ü 🍵',
      dir: 'ltr',
      _charset_: 'UTF-8',
      scan: '',
    },
  },
  {
    what: 'an encoding of the button’s own',
    markup: form(
      '<input name="sku" value="tea"><textarea name="t">1\n2</textarea>' +
        '<button formenctype="multipart/form-data" name="do" value="1" id="go">x</button>',
    ),
    fields: { sku: 'tea', t: '1\r\n2', do: '1' },
  },
  {
    what: 'a multipart form with two files of one name, and an empty one',
    markup: form(
      '<input name="sku" value="é"><input type="file" name="scan" id="scan" multiple>' +
        `<input type="file" name="none">${BUTTON}`,
      MULTIPART,
    ),
    async act(page) {
      const file = (name: string, size: number) => ({
        name,
        mimeType: 'text/plain',
        buffer: Buffer.alloc(size, 'x'),
      })
      await page.setInputFiles('#scan', [file('"a".txt', 10), file('ü.txt', 20)])
      await page.click('#go')
    },
    fields: {
      sku: 'é',
      files: [
        ['scan', 10],
        ['scan', 20],
      ],
    },
  },
  {
    what: 'a field of 200,000 characters',
    markup: form(`<textarea name="text" id="text"></textarea>${BUTTON}`),
    async act(page) {
      await page.locator('#text').evaluate(text => {
        ;(text as HTMLTextAreaElement).value = 'x'.repeat(200_000)
      })
      await page.click('#go')
    },
    fields: { text: 'x'.repeat(200_000) },
  },
  {
    what: 'a required field: nothing is sent before it is filled in',
    markup: form(`<input name="sku" id="sku" required>${BUTTON}`),
    async act(page) {
      await page.click('#go')
      await page.waitForTimeout(100)
      expect(await page.locator('#sku:invalid:focus').count()).to.equal(1)
      await page.fill('#sku', 'tea')
      await page.click('#go')
    },
    fields: { sku: 'tea' },
  },
  {
    what: 'a button that asks for no check',
    markup: form('<input name="sku" required><button formnovalidate id="go">x</button>'),
    fields: { sku: '' },
  },
  {
    what: 'an image as a button',
    markup: form('<input type="image" alt="Go" name="at" id="go">'),
    async act(page) {
      await page.locator('#go').focus()
      await page.keyboard.press('Enter')
    },
    fields: { at: { x: '0', y: '0' } },
  },
]

describeWith(['chromium'], 'odd forms in Chromium', () => {
  mayBeOverlooked()
  let browser: Browser
  let site: OddSite
  before(async () => {
    browser = await startBrowser(['--process-per-site'])
    site = await startOddSite(await formScript())
  })
  after(async () => {
    await browser.close()
    await site.close()
  })
  beforeEach(() => {
    site.placed.length = 0
    site.seen.length = 0
    site.before = async () => null
  })
  async function show(page: Page, markup: string, isScripted = true): Promise<void> {
    site.markup = markup
    await page.goto(`${site.origin}/page`)
    if (isScripted && markup.includes('<form')) {
      await page.locator('form [data-poe-status]').waitFor({ state: 'attached' })
    }
  }
  /** The POSTs so far: which form's, and whether by script. */
  const posts = () =>
    site.seen.flatMap(line => /^POST \/(\w+).*?( by script)?$/.exec(line)?.slice(1).join('') ?? [])
  const status = (page: Page) => page.locator('[data-poe-status]')
  const TEA = '<input name="sku" id="sku" value="tea">'
  /** Refuses the first POST, when `answer` is called. */
  const refuseOnce = () => {
    let answer = () => {}
    const held = new Promise<void>(resolve => {
      answer = resolve
    })
    let count = 0
    site.before = async () => {
      count += 1
      if (count > 1) return null
      await held
      return 422
    }
    return () => answer()
  }

  describe('whatever it holds', () => {
    let tabs: (readonly [page: Page, isScripted: boolean])[] = []
    before(async () => {
      tabs = [
        [await browser.newPage({ javaScriptEnabled: false }), false],
        [await browser.newPage(), true],
      ]
    })
    after(() => Promise.all(tabs.map(([page]) => page.context().close())))

    for (const { what, markup, act, fields, at = 'order' } of CASES) {
      it(`${what}: the same with script and without`, async () => {
        for (const [page, isScripted] of tabs) {
          site.placed.length = 0
          await show(page, markup, isScripted)
          await (act ?? (shown => shown.click('#go')))(page)
          await expectText(page, /Placed 1, once/)
          const expected = { files: [], ...(fields as object) }
          expect(site.placed, `script: ${isScripted}`).to.deep.equal([{ at, fields: expected }])
        }
      })
    }
  })

  describe('whatever happens to it', () => {
    let context: BrowserContext
    let page: Page
    before(async () => {
      context = await browser.newContext()
    })
    after(() => context.close())
    beforeEach(async () => {
      page = await newcomer(context, site.origin)
    })
    afterEach(() => closePages(context))

    it('a later check of the page calls it off; one that hides it leaves it alone', async () => {
      await show(page, form(TEA + BUTTON))
      await page.evaluate(() => {
        document.addEventListener('submit', event => event.preventDefault(), { once: true })
      })
      await page.click('#go')
      await page.waitForTimeout(200)
      expect(posts()).to.deep.equal([])
      await page.evaluate(() => {
        document.body.addEventListener('submit', event => event.stopPropagation())
      })
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order'])
    })

    it('[FALSE-4620] an event that a script makes sends nothing, as ever', async () => {
      await show(page, form(TEA + BUTTON))
      await page.locator('form').dispatchEvent('submit')
      await page.waitForTimeout(300)
      expect(posts()).to.deep.equal([])
      await page.locator('form').evaluate(form => (form as HTMLFormElement).requestSubmit())
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order by script'])
    })

    for (const [what, markup, sent] of [
      ['GET', form(TEA + BUTTON).replace('method="post"', 'method="get" action="/placed/0"'), []],
      ['a dialog', form(TEA + BUTTON).replace('"post"', '"dialog"'), []],
      ['another tab', form(TEA + BUTTON, 'target="tab"'), ['order']],
      [
        '[FALSE-4406] another tab, by <base>',
        `<base target="_blank">${form(TEA + BUTTON)}`,
        ['order'],
      ],
      ['text/plain', form(TEA + BUTTON, 'enctype="text/plain"'), ['order']],
      ['[FALSE-4110] another charset', form(TEA + BUTTON, 'accept-charset="cp1252"'), ['order']],
      ['a button’s own address', form(`${TEA}<button formaction="{other}" id="go">`), ['other']],
      ['a button’s own method', form(`${TEA}<button formmethod="get" id="go">`), []],
    ] as const) {
      it(`${what}: left to the browser`, async () => {
        await show(page, markup)
        await page.click('#go')
        await until(() => posts().length === sent.length)
        await page.waitForTimeout(200)
        expect(posts()).to.deep.equal(sent)
        if (what === 'GET') expect(site.seen.at(-1)).to.equal('GET /placed/0?sku=tea')
      })
    }

    it('a policy that lets no script connect: the plain form is sent, at once', async () => {
      const { policy } = site
      site.policy = policy.replace(" connect-src 'self';", '')
      await show(page, form(TEA + BUTTON))
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order'])
      site.policy = policy
      await page.goto(`${site.origin}/page`)
      await page.waitForTimeout(300)
      expect(await status(page).textContent(), 'nothing is left to be finished').to.equal('')
    })

    it('[FALSE-4584] a browser that opens no database, and says nothing: it is sent', async () => {
      const other = await context.newPage()
      await other.goto(`${site.origin}/placed/0`)
      await other.evaluate(blockDatabase, 'post-once-exactly forms')
      await show(page, form(TEA + BUTTON))
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order by script'])
    })

    for (const [what, login] of [
      ['leads there', { status: 302, headers: { location: '/placed/0' } }],
      ['stands in its place', { status: 200, body: '<p>Placed 0, once.' }],
    ] as const) {
      it(`[FALSE-4614] a login that ${what}: it is shown, and what was sent is kept`, async () => {
        const front = (route: Route) => route.fulfill({ contentType: 'text/html', ...login })
        await show(page, form(TEA + BUTTON))
        await page.route('**/order/once/**', front)
        await page.click('#go')
        await expectText(page, /Placed 0, once/)
        await page.unroute('**/order/once/**')
        await page.goto(`${site.origin}/page`)
        await expectText(page, /What you sent before is done, once/)
        expect(site.placed).to.have.length(1)
      })
    }

    it('a browser that leaves out the button: it is sent all the same', async () => {
      await page.addInitScript(() => {
        const Own = FormData
        const older = class extends Own {
          constructor(of?: HTMLFormElement) {
            super(of)
          }
        }
        Object.assign(window, { FormData: older })
      })
      await show(page, form(`${TEA}<button name="do" value="order" id="go">x</button>`))
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      const fields = { sku: 'tea', do: 'order', files: [] }
      expect(site.placed).to.deep.equal([{ at: 'order', fields }])
      expect(posts()).to.deep.equal(['order by script'])
    })

    it('refused, and the button is gone by then: what it says is sent all the same', async () => {
      const refuse = refuseOnce()
      await show(page, form(`${TEA}<button name="do" value="order" id="go">x</button>`))
      await page.click('#go')
      await until(() => posts().length === 1)
      await page.locator('#go').evaluate(button => button.remove())
      refuse()
      await expectText(page, /Placed 1, once/)
      const fields = { sku: 'tea', do: 'order', files: [] }
      expect(site.placed).to.deep.equal([{ at: 'order', fields }])
      expect(posts()).to.deep.equal(['order by script', 'order'])
    })

    it('refused, and edited meanwhile: the edit waits for the button to be pressed', async () => {
      const refuse = refuseOnce()
      await show(page, form(TEA + BUTTON))
      await page.click('#go')
      await until(() => posts().length === 1)
      await page.fill('#sku', 'a hundred of them')
      refuse()
      await expectText(page, /What you sent before was not carried out/)
      await page.waitForTimeout(200)
      expect(site.placed).to.deep.equal([])
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order by script', 'order'])
    })

    it('a form that comes later, and one in its place, are enhanced as well', async () => {
      await show(page, '<poe-form></poe-form><template id="t">{link}</template>')
      await page.evaluate(() => {
        const link = document.querySelector('template')?.innerHTML ?? ''
        const place = document.querySelector('poe-form') as HTMLElement
        const add = (sku: string) => {
          const made = document.createElement('form')
          made.method = 'post'
          made.action = link
          made.innerHTML = `<input name="sku" value="${sku}"><button id="go">Go</button>`
          place.replaceChildren(made)
        }
        add('first')
        setTimeout(() => add('second'))
      })
      await page.locator('[value=second] ~ [data-poe-status]').waitFor({ state: 'attached' })
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order by script'])
      expect(site.placed[0]?.fields).to.include({ sku: 'second' })
    })

    it('a button outside says that it waits as well, one that only resets does not', async () => {
      const refuse = refuseOnce()
      await show(
        page,
        form(`${TEA}<button type="reset" id="no">x</button>`, 'id="f"') +
          '<button form="f" id="go">Go</button>',
      )
      await page.click('#go')
      await until(() => posts().length === 1)
      const waits = (id: string) => page.locator(id).getAttribute('aria-disabled')
      expect([await waits('#go'), await waits('#no')]).to.deep.equal(['true', null])
      refuse()
      await expectText(page, /Placed 1, once/)
    })

    it('a browser that takes itself for offline sends all the same', async () => {
      await page.addInitScript(() =>
        Object.defineProperty(Navigator.prototype, 'onLine', { get: () => false }),
      )
      let tries = 0
      site.before = async () => {
        tries += 1
        return tries === 1 ? 503 : null
      }
      await show(page, form(TEA + BUTTON))
      await page.click('#go')
      await expectText(page, /Placed 1, once/)
      expect(posts()).to.deep.equal(['order by script', 'order by script'])
    })

    it('a large file on a slow line takes longer than a try may, and arrives', async () => {
      const impatient = await startOddSite(
        await formScript(code => code.replace(/timeoutMs: 5(?:e3|000)/, 'timeoutMs: 1000')),
      )
      try {
        impatient.markup = form(`<input type="file" name="scan" id="scan">${BUTTON}`, MULTIPART)
        await page.goto(`${impatient.origin}/page`)
        await status(page).waitFor({ state: 'attached' })
        const line = await context.newCDPSession(page)
        const slow = {
          offline: false,
          latency: 0,
          downloadThroughput: -1,
          uploadThroughput: 40_000,
        }
        await line.send('Network.emulateNetworkConditions', slow)
        const scan = { name: 'a.bin', mimeType: 'application/octet-stream' }
        await page.setInputFiles('#scan', { ...scan, buffer: Buffer.alloc(80_000) })
        const beganMs = performance.now()
        await page.click('#go')
        await expectText(page, /Placed 1, once/)
        expect(performance.now() - beganMs).to.be.above(1_000)
        expect(impatient.placed).to.have.length(1)
      } finally {
        await impatient.close()
      }
    })
  })
})
