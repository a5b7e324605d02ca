/** The client where nothing of a server is installed: it posts, and tells that nobody listens. */
import { strict as assert } from 'node:assert'
import { createClient } from 'post-once-exactly/client'
import { createClient as createPageClient } from 'post-once-exactly/client/browser'

for (const create of [createClient, createPageClient]) {
  const client = create({ tries: 1 })
  const { outcome } = await client.post('http://127.0.0.1:1/nobody-listens', { json: {} })
  assert.notEqual(outcome, 'accepted')
}
