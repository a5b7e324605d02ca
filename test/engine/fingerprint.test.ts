import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { fingerprint } from '../../lib/engine/fingerprint.js'

describe('the fingerprint of content', () => {
  it('is SHA-256 over the type and the digest of the bytes', () => {
    const inner = createHash('sha256').update('{"a":1}').digest()
    const all = Buffer.concat([Buffer.from('application/json\0'), inner])
    const expected = createHash('sha256').update(all).digest('base64url')
    expect(fingerprint('application/json', '{"a":1}')).to.equal(expected)
    expect(fingerprint('application/json', Buffer.from('{"a":1}'))).to.equal(expected)
  })

  it('[POE-2-21] differs where type or bytes differ, wherever the border lies', () => {
    const prints = [
      fingerprint('text/plain', 'a'),
      fingerprint('text/plain', 'b'),
      fingerprint('text/plain; charset=utf-8', 'a'),
      fingerprint('text/plaina', ''),
      fingerprint('', 'text/plaina'),
      fingerprint('', ''),
    ]
    expect(new Set(prints).size).to.equal(prints.length)
    for (const print of prints) expect(print).to.match(/^[\w-]{43}$/)
  })
})
