/**
 * docs/openapi.yaml: it is valid OpenAPI 3.1, and what the demo shop answers is what it says.
 *
 * @see RFC 9457 (problem documents); POE draft 3 (`POE-Links`)
 */
import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import type { Response } from 'supertest'
import { parse } from 'yaml'
import { openStorage } from '../examples/shop/storage.js'
import { type Agent, serve } from '../examples/shop/support.js'

interface Header {
  readonly required?: boolean
  readonly schema: object
}
interface Answer {
  readonly headers?: Readonly<Record<string, Header>>
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
}
type Paths = Record<string, Record<string, { readonly responses?: Record<string, Answer> }>>

const TEXT = readFileSync(new URL('../docs/openapi.yaml', import.meta.url), 'utf8')
const ORDER = { sku: 'tea', qty: 1 }
const ajv = new Ajv2020({ strict: false, validateFormats: false })

async function pathsIn(text: string): Promise<Paths> {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(parse(text))
  if (!valid) throw new Error(JSON.stringify(errors))
  return (validator.resolveRefs() as unknown as { paths: Paths }).paths
}

/** Where an answer is not what the description says of its operation. */
function faultsOf(paths: Paths, operation: string, { status, headers, body, type }: Response) {
  const [method = '', path = ''] = operation.split(' ')
  const answer = paths[path]?.[method]?.responses?.[status]
  if (answer === undefined) return [`${operation}: ${status} is not described`]
  const fields = Object.entries(answer.headers ?? {}).flatMap(([name, { required, schema }]) => {
    const value = headers[name.toLowerCase()]
    if (value === undefined) return required === true ? [`${name} is missing`] : []
    return ajv.validate(schema, value) ? [] : [`${name}: ${value}`]
  })
  const content = answer.content?.[type]
  if (content === undefined) return [...fields, `${type} is not described`]
  return ajv.validate(content.schema, body) ? fields : [...fields, ajv.errorsText()]
}

/** Asks for the answers of a link and of a key, each in its turn. */
async function answersOf(agent: Agent): Promise<(readonly [string, number, Response])[]> {
  const basket = () => agent.get('/basket').set('Accept', 'application/json')
  const page = await basket()
  const { link } = page.body
  const at = '/orders/once/{token}'
  const post = (target: string, content: object = ORDER, fault = '') =>
    agent.post(target).set('Demo-Fault', fault).send(content)
  const pay = (key: string, amount: number, fault = '') =>
    agent.post('/payments').set('Idempotency-Key', key).set('Demo-Fault', fault).send({ amount })
  const named = (id: string) => ({ 'Idempotency-Key': id })
  const anothers = (await basket()).body.link
  await agent.post(anothers).set(named('"mine"')).send(ORDER)
  // On the memory store an error that is no refusal leaves it open what happened.
  const doubtful = (await basket()).body.link
  await post(doubtful, ORDER, 'throw')
  await pay('"doubtful"', 1, 'throw')
  return [
    ['get /basket', 200, page],
    [`get ${at}`, 405, await agent.get(link)],
    [`post ${at}`, 422, await post(link, { sku: '', qty: 0 })],
    [`post ${at}`, 201, await post(link)],
    [`post ${at}`, 405, await post(link)],
    [`get ${at}`, 200, await agent.get(link)],
    [`get ${at}`, 200, await agent.get(anothers).set(named('"another"'))],
    [`post ${at}`, 404, await post(`${link.slice(0, -2)}AA`)],
    [`post ${at}`, 409, await post(doubtful)],
    [`get ${at}`, 409, await agent.get(doubtful)],
    ['post /payments', 409, await pay('"doubtful"', 1)],
    ['post /payments', 201, await pay('"a"', 1)],
    ['post /payments', 201, await pay('"a"', 1)],
    ['post /payments', 422, await pay('"a"', 2)],
    ['post /payments', 400, await pay('"a', 1)],
    ['post /payments', 400, await agent.post('/payments').send({ amount: 1 })],
  ]
}

describe('docs/openapi.yaml', () => {
  it('[POE-3-1] is valid, and what the shop answers is what it says', async () => {
    const paths = await pathsIn(TEXT)
    await serve(await openStorage({ kind: 'memory' }), async agent => {
      for (const [operation, status, answer] of await answersOf(agent)) {
        expect(answer.status, operation).to.equal(status)
        expect(faultsOf(paths, operation, answer), `${operation} ${status}`).to.deep.equal([])
      }
    })
  })

  it('has each part that docs/openapi.md names', () => {
    const guide = readFileSync(new URL('../docs/openapi.md', import.meta.url), 'utf8')
    const { components } = parse(TEXT)
    const named = [...guide.matchAll(/openapi\.yaml#\/components\/(\w+)\/([\w-]+)'/g)]
    const listed = [...guide.matchAll(/^\| `(\w+)\/(.+?) \|/gm)].flatMap(
      ([, kind = '', names = '']) =>
        names.split(', ').map(name => ['', kind, name.replaceAll('`', '')]),
    )
    const gone = [...named, ...listed].filter(
      ([, kind = '', name = '']) => !components[kind]?.[name],
    )
    expect(gone).to.deep.equal([])
    expect(listed).to.have.length.above(10)
  })

  it('a description that is invalid, or says something else, is noticed', async () => {
    const isInvalid = await pathsIn(TEXT.replace('in: path', 'in: pat')).then(
      () => false,
      () => true,
    )
    expect(isInvalid).to.equal(true)
    const wrong: readonly (readonly [string, string])[] = [
      ['        "405":\n', '        "406":\n'],
      ['pattern: \'^"[^"]+"', 'pattern: \'^[^"]+'],
      ['required: [link, expires]', 'required: [link, expiry]'],
      ['const: no-store', 'const: private'],
      ['(, <[^>]+>; rel="urn:post-once-exactly:rel:other-content")?', ''],
    ]
    await serve(await openStorage({ kind: 'memory' }), async agent => {
      const answers = await answersOf(agent)
      for (const [from, to] of wrong) {
        expect(TEXT).to.contain(from)
        const paths = await pathsIn(TEXT.replace(from, to))
        const faults = answers.flatMap(([operation, , answer]) =>
          faultsOf(paths, operation, answer),
        )
        expect(faults, to).to.not.deep.equal([])
      }
    })
  })
})
