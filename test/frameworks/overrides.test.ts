/** The override of a suspected duplicate as a member of content that no parser has read. */
import { expect } from 'chai'
import { anyone, type FetchDoor, poe } from 'post-once-exactly/fetch'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** What a client sends: its order, and perhaps an override. */
type Send = (door: FetchDoor, members: Record<string, string>) => Promise<Response>

const ORIGIN = 'https://shop.example/messages'

async function post(door: FetchDoor, body: BodyInit, type?: string): Promise<Response> {
  const headers = { Accept: 'text/html', ...(type && { 'Content-Type': type }) }
  return await door(new Request(ORIGIN, { method: 'POST', body, headers }))
}

function multipart(members: Record<string, string>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(members)) form.append(name, value)
  return form
}

const FORMS: Readonly<Record<string, Send>> = {
  JSON: (door, members) => post(door, JSON.stringify(members), 'application/json'),
  'JSON of another name': (door, members) =>
    post(door, JSON.stringify(members), 'application/vnd.shop+json'),
  'a form': (door, members) => post(door, new URLSearchParams(members)),
  'a form in parts': (door, members) => post(door, multipart(members)),
}

describe('an override over fetch', () => {
  for (const [form, send] of Object.entries(FORMS)) {
    it(`[FALSE-4578] is read as a member of ${form}`, async () => {
      const once = poe({ store: memoryStore(), principal: anyone })
      let done = 0
      const door = once.detectDuplicates(
        {
          name: 'message',
          windowMs: 60_000,
          identity: async request => /tea|coffee/.exec(await request.text())?.[0],
          rerender: (_request, _poe, _context, { override }) => new Response(override),
        },
        async request => {
          expect(await request.text()).to.match(/tea|coffee/)
          done += 1
          return Response.json({ done }, { status: 201 })
        },
      )
      expect((await send(door, { sku: 'tea' })).status).to.equal(201)
      const suspected = await send(door, { sku: 'tea' })
      expect(suspected.status).to.equal(409)
      const meant = { sku: 'tea', 'duplicate-override': await suspected.text() }
      const [first, second] = [await send(door, meant), await send(door, meant)]
      expect([first.status, second.status, done]).to.deep.equal([201, 201, 2])
      expect(second.headers.get('Idempotent-Replayed')).to.equal('true')
      const wrong = await send(door, { sku: 'coffee', 'duplicate-override': 'no value' })
      expect([wrong.status, done]).to.deep.equal([400, 2])
      const other = await send(door, { sku: 'coffee', note: 'duplicate-override' })
      expect([other.status, done]).to.deep.equal([201, 3])
      await once.close()
    })
  }
})
