/** Fields that a handler gives to Node's own `writeHead`, in each form that it takes. */
import { createServer, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { beforeFields } from '../../lib/koa/before-fields.js'

type Sends = (answer: ServerResponse) => void

describe('fields just before they are sent', () => {
  const FORMS: Readonly<Record<string, Sends>> = {
    'an object': answer => answer.writeHead(201, { 'X-A': 'given', 'X-B': ['1', '2'] }),
    'a reason and an object': answer =>
      answer.writeHead(201, 'Made', { 'X-A': 'given', 'X-B': '1, 2' }),
    'a member that is undefined': answer =>
      answer.writeHead(201, {
        'X-A': 'given',
        'X-B': '1, 2',
        'X-C': undefined,
      } as OutgoingHttpHeaders),
    'names and values in turn': answer =>
      answer.writeHead(201, ['X-A', 'given', 'X-B', '1', 'X-B', '2']),
    pairs: answer =>
      answer.writeHead(201, [
        ['X-A', 'given'],
        ['X-B', '1'],
        ['X-B', '2'],
      ] as never),
    'set before': answer => {
      answer.setHeader('X-A', 'given')
      answer.setHeader('X-B', '1, 2')
      answer.statusCode = 201
      answer.flushHeaders()
    },
  }

  const answerOf = async (sends: Sends, seen: string[], status?: number) => {
    const server = createServer((_asked, answer) => {
      for (const name of ['first', 'second']) {
        beforeFields(answer, {
          beforeFields() {
            seen.push(`${name} ${answer.statusCode} ${String(answer.getHeader('X-A'))}`)
            answer.setHeader('X-A', name)
            if (status !== undefined) answer.statusCode = status
          },
        })
      }
      sends(answer)
      beforeFields(answer, { beforeFields: () => seen.push('too late') })
      answer.end('done')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    try {
      return await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    } finally {
      server.close()
    }
  }

  for (const [form, sends] of Object.entries(FORMS)) {
    it(`${form}: each listener sees them, once, the last one first`, async () => {
      const seen: string[] = []
      const { headers, status, statusText } = await answerOf(sends, seen)
      expect(seen).to.deep.equal(['second 201 given', 'first 201 second'])
      expect([status, headers.get('x-a'), headers.get('x-b')]).to.deep.equal([201, 'first', '1, 2'])
      expect(headers.has('x-c')).to.equal(false)
      expect(statusText).to.equal(form.startsWith('a reason') ? 'Made' : 'Created')
    })
  }

  it('a status that a listener replaces takes its own reason', async () => {
    const { status, statusText } = await answerOf(answer => answer.writeHead(201, 'Made'), [], 500)
    expect([status, statusText]).to.deep.equal([500, 'Internal Server Error'])
  })
})
