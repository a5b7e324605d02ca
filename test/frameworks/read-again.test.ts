/**
 * A handler over fetch that reads its content a second time, which fails by the handler's mistake,
 * and perhaps after its effect: that is no refusal of the content. Decision 0012.
 */
import { expect } from 'chai'
import {
  anyone,
  type FetchDoor,
  type FetchOnce,
  type HandlerPoe,
  poe,
} from 'post-once-exactly/fetch'
import { memoryStore } from 'post-once-exactly/stores/memory'

const ORIGIN = 'http://shop.example'
const RETENTION = { retentionMs: 60_000 }
const KEPT = { ...RETENTION, dangerouslyNotDurable: true }

type Handler = (request: Request, poe: HandlerPoe) => Promise<Response>

const DOORS: Readonly<Record<string, (once: FetchOnce, handler: Handler) => FetchDoor>> = {
  key: (once, handler) => once.idempotencyKey({ name: 'pay', ...KEPT }, handler),
  'request id': (once, handler) => once.replay({ name: 'pay', key: () => 'one', ...KEPT }, handler),
  condition: (once, handler) =>
    once.conditional({ name: 'put', validator: () => ({ etag: '"1"' }), ...RETENTION }, handler),
  duplicates: (once, handler) =>
    once.detectDuplicates({ name: 'same', identity: () => 'one', windowMs: 60_000 }, handler),
}

/** The statuses of two requests that are the same. */
async function twice(
  open: 'link' | keyof typeof DOORS,
  handler: Handler,
  body = '{"a":1}',
  marks = false,
) {
  const once = poe({ store: memoryStore(), principal: anyone, onError: () => {} })
  once.resource({ name: 'order', path: '/once/:token', marks }, handler)
  const handle = once.handler((_request, links) => new Response(links.link('order')))
  const door = DOORS[open]?.(once, handler) ?? handle
  const path = door === handle ? await (await handle(new Request(ORIGIN))).text() : '/pay'
  const statuses: number[] = []
  for (let tries = 0; tries < 2; tries += 1) {
    const headers = { 'Idempotency-Key': '"one"', 'If-Match': '"1"' }
    const request = new Request(ORIGIN + path, { method: 'POST', body, headers })
    statuses.push((await door(request)).status)
  }
  await once.close()
  return statuses
}

const READINGS: Readonly<Record<string, readonly [Reading, Reading]>> = {
  'JSON twice': [request => request.json(), request => request.json()],
  'as text, and as JSON': [request => request.text(), request => request.json()],
  'as JSON, and as a form': [request => request.json(), request => request.formData()],
  'by another request, and as JSON': [
    request => new Request(request).json(),
    request => request.json(),
  ],
}
type Reading = (request: Request) => Promise<unknown>

describe('a handler over fetch that reads its content again after its effect', () => {
  for (const [what, [first, again]] of Object.entries(READINGS)) {
    for (const open of ['link', ...Object.keys(DOORS)]) {
      it(`[FALSE-4634] ${what}: silence, at a ${open}`, async () => {
        let charges = 0
        const statuses = await twice(open, async request => {
          await first(request)
          charges += 1
          await again(request)
          return new Response(null, { status: 204 })
        })
        expect([...statuses, charges]).to.deep.equal([500, 409, 1])
      })
    }
  }

  it('[FALSE-4634] as something else, where the first way has failed: 400, and free', async () => {
    const handler: Handler = async request => {
      await request.json().catch(() => request.formData())
      return new Response(null, { status: 204 })
    }
    expect(await twice('link', handler, '{')).to.deep.equal([400, 400])
  })

  it('[FALSE-4638] for the first time, after its mark: silence', async () => {
    let charges = 0
    const handler: Handler = async (request, run) => {
      await run.pointOfNoReturn()
      charges += 1
      await request.json()
      return new Response(null, { status: 204 })
    }
    const statuses = await twice('link', handler, '{', true)
    expect([...statuses, charges]).to.deep.equal([500, 409, 1])
  })
})
