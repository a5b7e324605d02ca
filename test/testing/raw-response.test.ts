import { expect } from 'chai'
import fc from 'fast-check'
import { fieldValues, type RawResponse, readRawResponse } from '../../lib/testing/raw-response.js'

const read = (text: string, method = 'GET', ended = false) =>
  readRawResponse(Buffer.from(text, 'latin1'), { method, ended })

function response(text: string, method = 'GET', ended = false): RawResponse {
  const reading = read(text, method, ended)
  if (reading === null || reading === 'malformed') throw new Error(`not read: ${reading}`)
  return reading
}

const OK = 'HTTP/1.1 200 OK\r\n'

describe('reading raw responses', () => {
  it('keeps status, reason, and field lines as they came', () => {
    const { version, status, reason, fields, body, complete } = response(
      'HTTP/1.1 405 Not Allowed\r\nALLOW:GET\r\nallow: \t HEAD \t\r\nX-Empty:\r\n' +
        'Content-Length: 2\r\n\r\nhi',
    )
    expect({ version, status, reason }).to.deep.equal({
      version: '1.1',
      status: 405,
      reason: 'Not Allowed',
    })
    expect(fields.map(field => field.line)).to.deep.equal([
      'ALLOW:GET',
      'allow: \t HEAD \t',
      'X-Empty:',
      'Content-Length: 2',
    ])
    expect(fieldValues({ fields }, 'Allow')).to.deep.equal(['GET', 'HEAD'])
    expect(fieldValues({ fields }, 'x-empty')).to.deep.equal([''])
    expect(fieldValues({ fields }, 'none')).to.deep.equal([])
    expect(body.toString()).to.equal('hi')
    expect(complete).to.equal(true)
  })

  it('tells a response that is not all there', () => {
    expect(read('')).to.equal(null)
    expect(read('HTTP/1.1 200 OK\r\nA: b\r\n')).to.equal(null)
    expect(response(`${OK}Content-Length: 3\r\n\r\nab`)).to.include({ complete: false })
  })

  it('content by length, and what comes after it', () => {
    const { body, rest, complete } = response(`${OK}Content-Length: 2\r\n\r\nabHTTP/1.1 500`)
    expect(body.toString()).to.equal('ab')
    expect(rest.toString()).to.equal('HTTP/1.1 500')
    expect(complete).to.equal(true)
  })

  it('content up to the end of the connection', () => {
    expect(response(`${OK}\r\nab`).complete).to.equal(false)
    expect(response(`${OK}\r\nab`, 'GET', true).complete).to.equal(true)
    expect(response(`${OK}\r\nab`, 'GET', true).body.toString()).to.equal('ab')
  })

  it('no content: HEAD, 204, 304, 101', () => {
    const length = 'Content-Length: 5\r\n\r\n'
    expect(response(`${OK}${length}`, 'HEAD')).to.include({ complete: true })
    for (const status of [204, 304, 101]) {
      const { body, rest, complete } = response(`HTTP/1.1 ${status} X\r\n${length}rest!`)
      expect(body).to.have.length(0)
      expect(rest.toString()).to.equal('rest!')
      expect(complete).to.equal(true)
    }
  })

  it('interim responses come first', () => {
    const hints = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    expect(read(hints)).to.equal(null)
    const { status, interim, fields } = response(
      `${hints}HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n`,
    )
    expect(status).to.equal(201)
    expect(interim).to.deep.equal([100, 103])
    expect(fields).to.have.length(1)
  })

  it('chunks, extensions and trailers', () => {
    const chunked = `${OK}Transfer-Encoding: Chunked\r\n\r\n`
    const plain = response(`${chunked}2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\nrest`)
    expect(plain.body.toString()).to.equal('abc')
    expect(plain.rest.toString()).to.equal('rest')
    expect(plain.complete).to.equal(true)
    const trailed = response(`${chunked}A\r\n0123456789\r\n0\r\nT: 1\r\nU: 2\r\n\r\n`)
    expect(trailed.body).to.have.length(10)
    expect(trailed.trailers.map(field => field.line)).to.deep.equal(['T: 1', 'U: 2'])
    expect(trailed.rest).to.have.length(0)
  })

  it('chunks that have not all come', () => {
    const whole = 'a\r\n0123456789\r\n0\r\nT: 1\r\n\r\n'
    for (let length = 0; length < whole.length; length += 1) {
      const cut = `${OK}Transfer-Encoding: chunked\r\n\r\n${whole.slice(0, length)}`
      expect(response(cut, 'GET', true).complete, String(length)).to.equal(false)
    }
  })

  for (const [title, text] of [
    ['no status line', 'hello\r\n\r\n'],
    ['a bad status', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a field without a colon', `${OK}nonsense\r\n\r\n`],
    ['white space before the colon', `${OK}A : b\r\n\r\n`],
    ['a folded line', `${OK}A: b\r\n c\r\n\r\n`],
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['a length that is none', `${OK}Content-Length: -1\r\n\r\n`],
    ['another transfer coding', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    ['a chunk size that is none', `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['a chunk without its end', `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`],
    ['a bad trailer', `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n\r\n`],
  ] as const) {
    it(`malformed: ${title}`, () => {
      expect(read(text)).to.equal('malformed')
    })
  }

  it('any bytes in any chunks come back as they were', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 })
    fc.assert(
      fc.property(chunks, parts => {
        const coded = parts.map(part =>
          Buffer.concat([
            Buffer.from(`${part.length.toString(16)}\r\n`),
            part,
            Buffer.from('\r\n'),
          ]),
        )
        const head = Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n`)
        const bytes = Buffer.concat([head, ...coded, Buffer.from('0\r\n\r\n')])
        const reading = readRawResponse(bytes, { method: 'GET', ended: false })
        expect(reading).to.deep.include({ complete: true, body: Buffer.concat(parts) })
      }),
    )
  })

  it('never throws', () => {
    const text = fc.string({ unit: fc.constantFrom('HTTP/1.1 200 OK', '\r\n', ':', 'a', '0', ' ') })
    fc.assert(
      fc.property(text, fc.boolean(), (bytes, ended) => {
        read(bytes, 'GET', ended)
      }),
    )
  })
})
