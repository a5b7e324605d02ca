/**
 * Habits of right clients that were once called wrong, each with the checks that did so.
 */
import { expect } from 'chai'
import { type ClientFunction, checkClient } from 'post-once-exactly/conformance'

const POST = { method: 'POST', body: '{"sku":"tea"}', redirect: 'manual' } as const
const FIELDS = { POE: '1', 'Content-Type': 'application/json' }

/** Posts once, and calls only 2xx accepted. */
async function post(link: string | URL, fields: Readonly<Record<string, string>> = {}) {
  return await fetch(link, { ...POST, headers: { ...FIELDS, ...fields } })
}

const told = ({ ok }: Response) => (ok ? 'accepted' : 'refused')

/** Asks for a link, and for another one where that is not known any more. */
const asksAnew: ClientFunction = async ({ url }) => {
  for (let times = 0; ; times += 1) {
    const page = await fetch(url, { headers: { POE: '1' } })
    const { link } = (await page.json()) as { link: string }
    const answer = await post(new URL(link, url))
    if (![404, 410].includes(answer.status) || times > 0) return told(answer)
  }
}

const looksAfterwards: ClientFunction = async ({ link }) => {
  let answer = await post(link)
  let there: string | URL = link
  if (answer.status === 307 || answer.status === 308) {
    there = new URL(answer.headers.get('location') ?? '', link)
    answer = await post(there)
  }
  await fetch(there)
  return told(answer)
}

const peeksAtResults: ClientFunction = async ({ link }) => {
  const answer = await post(link)
  if (answer.status !== 303) return told(answer)
  const result = new URL(answer.headers.get('location') ?? '', link)
  await fetch(result, { method: 'HEAD' })
  await fetch(result)
  return 'accepted'
}

const logsIn: ClientFunction = async ({ link }) => {
  const answer = await post(link)
  if (answer.status !== 401) return told(answer)
  return told(await post(link, { Authorization: 'Bearer fresh' }))
}

const ONCE_ACCUSED: readonly (readonly [string, ClientFunction, readonly string[]])[] = [
  [
    '[FALSE-4491] takes a fresh link in the place of one that is over',
    asksAnew,
    ['POE-5-6/gone-first', 'POE-5-6/unknown-first'],
  ],
  [
    '[FALSE-4491] looks at the link after it has posted where 307 led',
    looksAfterwards,
    ['H-303-2'],
  ],
  ['[FALSE-4491] asks for the head of a result first', peeksAtResults, ['POE-5-3/no-post']],
  ['[FALSE-4491] logs in where it is asked to, once', logsIn, ['POE-5-6/login']],
]

describe('poe check-client of habits that were called wrong', () => {
  for (const [title, client, only] of ONCE_ACCUSED) {
    it(title, async () => {
      const { results } = await checkClient({ client, only })
      const wrong = results.filter(({ result }) => result !== 'pass')
      expect(wrong).to.deep.equal([])
    })
  }

  it('[FALSE-4491] whoever logs in again and again in the same way is told so', async () => {
    const client: ClientFunction = async ({ link }) => {
      const answer = await post(link)
      if (answer.status !== 401) return told(answer)
      for (let times = 0; times < 2; times += 1) await post(link, { Authorization: 'Bearer old' })
      return 'refused'
    }
    const { results } = await checkClient({ client, only: ['POE-5-6/login'] })
    expect(results[0]).to.include({ result: 'fail', seen: '3 POSTs' })
  })
})
