/** Each recipe against a server that drops answers, is busy, refuses, or never answers at all. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { classify } from 'post-once-exactly/client'
import { type Dropping, linkServer, type Trick } from './dropping-server.js'
import { HELPERS, type Helper } from './helpers.js'
import { linkOf, type Measured, measure, tableOf } from './measure.js'

/** What a helper does alone, as it was measured before (fetch-retry 6.0.0 to cockatiel 3.2.1). */
const ALONE: Readonly<Record<string, number>> = {
  'fetch-retry 6': 4,
  'ky 1': 1,
  'got 14': 1,
  'axios-retry 4': 4,
  'undici 7, RetryAgent': 1,
  'p-retry 7': 11,
  'cockatiel 3': 4,
  'Workbox 7, three syncs': 3,
}

describe('recipes', () => {
  it('make one effect of 4 to 11, as the guide says', async () => {
    const rows = await Promise.all(HELPERS.map(measure))
    expect(Object.fromEntries(rows.map(({ name, alone }) => [name, alone]))).to.deep.equal(ALONE)
    expect(rows.filter(({ withRecipe }) => withRecipe !== 1)).to.deep.equal([])
    const guide = readFileSync(new URL('../../docs/recipes.md', import.meta.url), 'utf8')
    expect(guide).to.include(tableOf(rows))
    const live = readFileSync(new URL('../shop/live/recipes.json', import.meta.url), 'utf8')
    const { rows: told } = JSON.parse(live) as { rows: (Measured & { version: string | null })[] }
    expect(told.map(({ version: _, ...row }) => row)).to.deep.equal(rows)
  })

  for (const helper of HELPERS) {
    it(`${helper.name}: the answer that was lost is found again`, async () => {
      await withServer(['drop'], async (server, link, page) => {
        expect(await helper.recipe(link, page)).to.equal('order 7')
        expect(server.effects).to.equal(1)
      })
    })

    it(`${helper.name}: a refusal is told, and nothing took effect`, async () => {
      await withServer(['refuse'], async (server, link, page) => {
        expect(await messageOf(helper.recipe(link, page))).to.match(/422|refused/)
        expect([server.effects, server.posts]).to.deep.equal([0, 1])
      })
    })

    it(`${helper.name}: answers that never come end as unknown, after a few tries`, async () => {
      await withServer(
        ['drop'],
        async (server, link, page) => {
          const told = await helper.recipe(link, page).catch((error: Error) => error.message)
          // Ours asks the link in the end, which tells.
          const end = helper.name === 'ky 1' ? /^order 7$/ : /cannot be told|unknown/
          expect(told).to.match(end)
          expect(server.effects).to.equal(1)
          expect(server.posts).to.be.within(2, 6)
        },
        true,
      )
    })
  }

  // ky's finds a link of its own.
  for (const helper of HELPERS.filter(({ name }) => name !== 'ky 1')) {
    it(`[FALSE-4401] ${helper.name}: another order at the same link is no success`, async () => {
      await withServer(['pass', 'cut'], async (server, link, page) => {
        await send(link, '{"sku":"gum"}')
        expect(await messageOf(helper.recipe(link, page))).to.match(/refused|405/)
        expect(server.effects).to.equal(1)
      })
    })

    it(`[FALSE-4402] ${helper.name}: a used link that cannot be asked: unknown`, async () => {
      await withServer([], async (server, link, page) => {
        // As by something in between that sends a POST twice.
        await send(link, '{"sku":"tea"}')
        server.isMute = true
        const told = await helper.recipe(link, page).catch((error: Error) => error.message)
        expect(told).to.match(/cannot be told|unknown/)
        expect(server.effects).to.equal(1)
      })
    })

    it(`[FALSE-4402] ${helper.name}: what was under way may be its own copy`, async () => {
      await withServer(['busy', 'forbid'], async (_server, link, page) => {
        const told = await helper.recipe(link, page).catch((error: Error) => error.message)
        expect(told).to.match(/told|unknown/)
      })
    })
  }

  const waiting = HELPERS.filter(({ name }) => !name.startsWith('Workbox'))
  for (const trick of ['busy', 'unavailable'] as const) {
    it(`${trick}: each of them waits as long as the server asks for`, async () => {
      await Promise.all(waiting.map(helper => waits(helper, trick)))
    })
  }

  it('[FALSE-4409] nobody waits for a day: it ends as unknown', async () => {
    const ends = waiting.map(({ recipe }) =>
      withServer(['closed for today'], async (server, link, page) => {
        expect(await messageOf(recipe(link, page))).to.match(/told/)
        expect([server.effects, server.posts]).to.deep.equal([0, 1])
      }),
    )
    await Promise.all(ends)
  })

  it('Workbox: what is not settled stays in the queue until the next sync', async () => {
    const helper = HELPERS.find(({ name }) => name.startsWith('Workbox'))
    await withServer(['unavailable', 'busy'], async (server, link, page) => {
      expect(await helper?.recipe(link, page)).to.equal('order 7')
      expect([server.effects, server.posts]).to.deep.equal([1, 3])
    })
  })

  it('a recipe that takes a 405 for an error and gets another link is caught', async () => {
    await withServer(['drop'], async (server, _link, page) => {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const link = await linkOf(page)
        const answer = await fetch(link, { method: 'POST' }).catch((error: unknown) => error)
        if (classify(answer).action === 'stop') break
      }
      expect(server.effects).to.equal(2)
    })
  })
})

async function waits({ name, recipe }: Helper, trick: Trick): Promise<void> {
  await withServer([trick], async (server, link, page) => {
    const startMs = performance.now()
    expect(await recipe(link, page), name).to.equal('order 7')
    expect(performance.now() - startMs, name).to.be.above(950)
    expect([server.effects, server.posts], name).to.deep.equal([1, 2])
  })
}

async function withServer(
  tricks: readonly Trick[],
  use: (server: Dropping, link: string, page: string) => Promise<void>,
  isEndless = false,
): Promise<void> {
  const server = await linkServer(tricks, isEndless)
  const page = `${server.origin}/`
  try {
    await use(server, await linkOf(page), page)
  } finally {
    await server.close()
  }
}

async function send(link: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await (await fetch(link, { method: 'POST', body, headers })).text()
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error.message,
  )
}
