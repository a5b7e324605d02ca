import { expect } from 'chai'
import { fingerprintOfContent, fingerprintOfId } from '../../lib/engine/link-fingerprint.js'

const JSON_TYPE = 'application/json'

function ofValue(value: unknown, hasFiles = false): string | null {
  return fingerprintOfContent(JSON_TYPE, { kind: 'parsed', value }, () => hasFiles)
}

function ofBytes(bytes: string | Uint8Array, type: string): string | null {
  return fingerprintOfContent(type, { kind: 'bytes', bytes, isDecoded: true }, () => false)
}

describe('what tells one content at a link from another', () => {
  it('fields that a parser has left: in any order, in no other value', () => {
    expect(ofValue({ a: 1, b: 2 }))
      .to.equal(ofValue({ b: 2, a: 1 }))
      .and.match(/^content:/)
    expect(ofValue({ a: 1, b: 2 })).to.not.equal(ofValue({ a: 1, b: 3 }))
    expect(ofValue(Object.assign(Object.create(null), { a: 1 }))).to.equal(ofValue({ a: 1 }))
    expect(ofValue(['a'])).to.be.a('string')
  })

  it('text and bytes that a parser has left, as if they had never been touched', () => {
    expect(ofValue('{"a":1}')).to.equal(ofBytes('{"a":1}', JSON_TYPE))
    expect(ofValue(Buffer.from('{"a":1}'))).to.equal(ofBytes('{"a":1}', JSON_TYPE))
  })

  it('nothing where what a parser has left does not show all of it', () => {
    const round: unknown[] = []
    round.push(round)
    for (const value of [null, 7, true, new Map([['a', 1]]), new Date(0), round]) {
      expect(ofValue(value), typeof value).to.equal(null)
    }
    expect(ofValue({ a: 1 }, true), 'files put aside').to.equal(null)
  })

  it('a form without its boundary, and in UTF-8 whether its type says so or not', () => {
    const form = (mark: string) => `--${mark}\r\n\r\na\r\n--${mark}--`
    const type = 'multipart/form-data; boundary='
    expect(ofBytes(form('one'), `${type}one`)).to.equal(ofBytes(form('two'), `${type}"two"`))
    const urlencoded = 'application/x-www-form-urlencoded'
    expect(ofBytes('a=1', urlencoded)).to.equal(ofBytes('a=1', `${urlencoded};charset=UTF-8`))
  })

  it('[FALSE-4385] nothing of a form with more parts than any form has', () => {
    const form = (parts: number) => ofBytes('--x'.repeat(parts), 'multipart/form-data; boundary=x')
    expect(form(9_999)).to.be.a('string').and.not.to.equal(form(9_998))
    expect(form(10_000)).to.equal(null)
  })

  it('an id that can be read, which says nothing of a content', () => {
    expect(fingerprintOfId('"k"')).to.equal(fingerprintOfId('k')).and.match(/^id:/)
    for (const field of [undefined, ['"a"', '"b"'], '', '"open']) {
      expect(fingerprintOfId(field), String(field)).to.equal(null)
    }
  })
})
