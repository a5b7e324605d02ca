/**
 * The client where nothing of a server is installed: it posts, tells that nobody listens, and says
 * of what type each content is.
 */
import { strict as assert } from 'node:assert'
import { createClient } from 'post-once-exactly/client'
import { createClient as createPageClient } from 'post-once-exactly/client/browser'

for (const create of [createClient, createPageClient]) {
  const client = create({ tries: 1 })
  const { outcome } = await client.post('http://127.0.0.1:1/nobody-listens', { json: {} })
  assert.notEqual(outcome, 'accepted')
  const form = new FormData()
  form.set('sku', 'tea')
  const blob = new Blob(['tea'], { type: 'text/tea' })
  for (const [content, type] of [
    [form, /^multipart\/form-data; ?boundary=./],
    [blob, /^text\/tea$/],
    [{ sku: 'tea' }, /^application\/json\b/],
    [new Request('http://127.0.0.1:1/', { method: 'POST', body: blob }), /^text\/tea$/],
  ]) {
    let said
    const fetch = async (_, { headers }) => {
      said = headers['content-type']
      return new Response(null, { status: 201 })
    }
    await create({ fetch }).post('http://127.0.0.1:1/once', content)
    assert.match(String(said), type)
  }
}
