/** What libraries ask of a response, of one that leads to no socket. */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { CapturedResponse } from '../../lib/frameworks/captured-response.js'
import { incomingOf } from '../../lib/frameworks/fetch-request.js'

function make(like: ServerResponse | null = null): CapturedResponse {
  return new CapturedResponse(requestOf(), like)
}

function requestOf(): IncomingMessage {
  return incomingOf(new Request('http://shop.example/', { method: 'POST' }))
}

describe('a captured response', () => {
  it('is open until end(), then finished, then closed, and tells each once', async () => {
    const { response } = make()
    const told: string[] = []
    for (const event of ['finish', 'close']) response.on(event, () => told.push(event))
    expect([response.headersSent, response.writableEnded, response.closed]).to.deep.equal([
      ...[false, false, false],
    ])
    response.end('x', () => told.push('done'))
    response.end('y')
    expect([response.headersSent, response.writableEnded]).to.deep.equal([true, true])
    await finished(response)
    await pause(1)
    expect(told).to.deep.equal(['finish', 'done', 'close'])
    expect([response.writableFinished, response.closed]).to.deep.equal([true, true])
  })

  it('takes no field once it has begun, and no content once it has ended', async () => {
    const { response, answer } = make()
    response.setHeader('A', '1')
    response.write('x')
    expect(() => response.setHeader('B', '2')).to.throw(/Cannot set headers/)
    response.end()
    const failed = new Promise(resolve => response.write('y', resolve))
    expect(String(await failed)).to.include('write after end')
    const { fields, content } = await answer
    expect(fields).to.deep.equal({ a: '1' })
    expect(Buffer.concat(await (content as Readable).toArray()).toString()).to.equal('x')
  })

  it('lets whoever writes wait until somebody reads', async () => {
    const { response, answer } = make()
    expect(response.write('x'.repeat(100_000))).to.equal(false)
    const drained = new Promise(resolve => response.once('drain', resolve))
    const { content } = await answer
    ;(content as Readable).resume()
    await drained
  })

  it('has what an application has put on the other one, but neither its status nor its end', () => {
    const like = Object.assign(new ServerResponse(requestOf()), { locals: { user: 'ann' } })
    like.statusCode = 404
    like.setHeader('X-A', '1')
    like.end = () => {
      throw new Error('the other one was ended')
    }
    const { response } = make(like)
    expect(response).to.have.property('locals', like.locals)
    expect([response.statusCode, response.getHeader('x-a')]).to.deep.equal([200, '1'])
    response.setHeader('X-A', '2').end()
    expect(like.getHeader('x-a')).to.equal('1')
  })

  it('[FALSE-4526] functions that were put on the other one would answer there, and say so', () => {
    const like = new ServerResponse(requestOf())
    // As Next.js does for its API routes, Vercel for functions, and an application for itself.
    const json = (value: unknown) => like.end(JSON.stringify(value))
    Object.assign(like, { json, flush: () => {}, status: (code: number) => like.writeHead(code) })
    const response = make(like).response as ServerResponse & Readonly<Record<string, () => void>>
    expect(() => response.status?.()).to.throw(TypeError, /response\.status\(\).*past the door/)
    expect(() => response.json?.()).to.throw(TypeError, /writeHead\(\) and response\.end\(\)/)
    expect(response.flush).to.equal(undefined)
    expect(like.headersSent).to.equal(false)
  })

  it('an error of whoever answers is the answer, where none has begun', async () => {
    const captured = make()
    captured.fail(new Error('a surprise'))
    expect(await captured.answer.catch(String)).to.equal('Error: a surprise')
  })
})
