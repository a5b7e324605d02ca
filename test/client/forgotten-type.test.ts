/**
 * Content in a runtime that does not know its type any more once it is read, as Bun: the consumers'
 * tests send it from Bun itself.
 */
import { expect } from 'chai'
import { createClient, type PostBody } from 'post-once-exactly/client'
import { createClient as createPageClient } from 'post-once-exactly/client/browser'

const LINK = 'http://127.0.0.1:1/once/1'
const blob = new Blob(['tea'], { type: 'text/tea' })
const form = new FormData()
form.set('sku', 'tea')
const CONTENTS: readonly (readonly [name: string, body: PostBody, type: RegExp])[] = [
  ['a Blob', blob, /^text\/tea$/],
  ['a form', form, /^multipart\/form-data; boundary=./],
  ['a Request', new Request(LINK, { method: 'POST', body: blob }), /^text\/tea$/],
]

describe('content whose type is forgotten once it is read', () => {
  const { Response: own } = globalThis
  const { headers } = Object.getOwnPropertyDescriptors(Request.prototype)
  const read = new WeakSet<object>()

  before(() => {
    globalThis.Response = class extends own {
      override get body() {
        read.add(this)
        return super.body
      }
      override arrayBuffer() {
        read.add(this)
        return super.arrayBuffer()
      }
      override get headers() {
        return read.has(this) ? new Headers() : super.headers
      }
    }
    Object.defineProperty(Request.prototype, 'headers', {
      ...headers,
      get(this: Request) {
        return this.bodyUsed ? new Headers() : headers.get?.call(this)
      },
    })
  })

  after(() => {
    globalThis.Response = own
    Object.defineProperty(Request.prototype, 'headers', headers)
  })

  for (const [name, body, type] of CONTENTS) {
    it(`[FALSE-4379] ${name} says its type all the same`, async () => {
      for (const create of [createClient, createPageClient]) {
        const types: unknown[] = []
        const fetch: typeof globalThis.fetch = async (_, init) => {
          types.push(new Headers(init?.headers).get('content-type'))
          return new own(null, { status: 201 })
        }
        const content = body instanceof Request ? body.clone() : body
        await create({ fetch }).post(LINK, content)
        expect(types).to.have.length(1)
        expect(types[0]).to.match(type)
      }
    })
  }
})
