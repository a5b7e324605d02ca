/**
 * An answer of which chance decides, by an application with the library and by the same without it:
 * the first answer must be the same, and the repeats must agree with it.
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { openRequest, overHttp2, type Place, type Told } from './open-request.js'

const PATIENCE_MS = 5_000
const CONTENT = '{"sku":"tea"}'
const FIELDS = {
  'Idempotency-Key': '"abcdefghijklmnop"',
  ...{ 'Content-Type': 'application/json', 'Content-Length': CONTENT.length },
}

/** What chance has decided, on any server. */
export interface AnyAnswer {
  /** The server; with ` on HTTP/2` behind it where that is spoken. */
  readonly on: string
  readonly door: 'link' | 'key'
  /** What the handler does, by name. */
  readonly steps: readonly string[]
}

/** Makes the server, which serves `/page`, with a link where it is ours, and `/key`. */
export type ServeAnswer<Given> = (
  given: Given,
  isOurs: boolean,
) => { readonly server: Server; readonly once: { close(how: object): unknown } }

/**
 * Compares the answers.
 *
 * @param isWord - whether the handler says anything of its own
 * @returns what differs that must not; nothing where all is well
 */
export async function compareAnswers<Given extends AnyAnswer>(
  given: Given,
  serve: ServeAnswer<Given>,
  isWord: (given: Given) => boolean,
): Promise<readonly string[]> {
  const bare = await listen(given, serve, false)
  const ours = await listen(given, serve, true)
  try {
    const theirs = await ask(bare.place, 'POST', '/key')
    // That one does not answer it either.
    if (theirs.isBroken) return []
    const path = given.door === 'key' ? '/key' : (await ask(ours.place, 'GET', '/page')).body
    const first = await ask(ours.place, 'POST', path)
    if (!isWord(given)) return []
    const wrong = differences('the first', first, theirs)
    if (first.status >= 300 || given.steps.includes('past Koa')) return wrong
    const repeat = await ask(ours.place, given.door === 'key' ? 'POST' : 'GET', path)
    const isShown = repeat.status === 303 || first.body === ''
    if (isShown || given.steps.includes('status 205')) return wrong
    return [...wrong, ...repeated(repeat, first)]
  } finally {
    bare.close()
    ours.close()
  }
}

function differences(which: string, answer: Told, expected: Told): string[] {
  const [here, there] = [answer, expected].map(told => {
    const { status, phrase, body, isBroken, headers, trailers } = told
    const own = Object.entries(headers)
      .filter(([name]) => !OURS.has(name) && !(name === 'content-type' && body === ''))
      .sort()
    const text = status < 500 && isWorded(body) ? body : ''
    return JSON.stringify([status, body === '' ? '' : phrase, isBroken, text, own, trailers])
  })
  return here === there ? [] : [`${which}: ${here} in place of ${there}`]
}

/** Koa puts the phrase of the status where there is no body, and this library nothing. */
function isWorded(body: string): boolean {
  return !/^[A-Z][A-Za-z -]+$/.test(body)
}

function repeated(repeat: Told, first: Told): string[] {
  const [type, other] = [repeat, first].map(({ headers }) => headers['content-type'])
  const isSame = repeat.body === first.body && type === other && repeat.status < 300
  return isSame ? [] : [`the repeat: ${JSON.stringify([repeat, first])}`]
}

/** Fields that a link's answers have besides, and what framing makes of the others. */
const OURS = new Set([
  ...['allow', 'cache-control', 'referrer-policy', 'date', 'connection', 'keep-alive'],
  ...['content-length', 'transfer-encoding', 'expires'],
])

async function ask(place: Place, method: string, path: string): Promise<Told> {
  const { stream, told } = openRequest(place, method, path, method === 'POST' ? FIELDS : {})
  stream.end(method === 'POST' ? CONTENT : undefined)
  const impatient = pause(PATIENCE_MS, null, { ref: false }).then(() => void stream.destroy())
  await Promise.race([told, impatient])
  return await told
}

async function listen<Given extends AnyAnswer>(
  given: Given,
  serve: ServeAnswer<Given>,
  isOurs: boolean,
) {
  const { server, once } = serve(given, isOurs)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const second = given.on.endsWith(' on HTTP/2') ? await overHttp2(server) : null
  const { port } = server.address() as AddressInfo
  const close = () => {
    second?.close()
    server.closeAllConnections()
    server.close()
    void once.close({ graceMs: 0 })
  }
  return { place: second ?? { port, isHttp2: false }, close }
}
