/** CommonJS: every entry that needs no driver is required, and a POST goes out. */
const { strict: assert } = require('node:assert')
const { createClient } = require('post-once-exactly/client')

for (const entry of ['', '/koa', '/node', '/fetch', '/conformance', '/testing', '/stores/memory']) {
  assert(Object.keys(require(`post-once-exactly${entry}`)).length > 0, entry)
}
createClient({ tries: 1 })
  .post('http://127.0.0.1:1/nobody-listens', { json: {} })
  .then(({ outcome }) => assert.notEqual(outcome, 'accepted'))
