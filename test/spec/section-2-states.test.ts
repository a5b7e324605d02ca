/**
 * Every state of a POE resource, asked with every method, on every kind of application; on the
 * first one with and without the POE field.
 *
 * @see POE draft 2; RFC 9110 9.3, 10.2.1, 15.5.6
 */
import { expect } from 'chai'
import { type Answer, ask, membersOf, post } from '../support/ask.js'
import {
  type Cell,
  OTHER_METHODS,
  openStage,
  recordAt,
  STATES,
  type Stage,
  type StateRow,
} from '../support/states.js'
import { ALL_WORLDS, nameOf, type WorldKind } from '../support/world.js'

const SPEAKS_POE = { POE: '1' }

const [plain, ...others] = ALL_WORLDS as [WorldKind, ...WorldKind[]]

// One application names the ids, so that asking for one of them does not run all.
describe(`[POE-1-3, POE-2-17, H-LINK-1, H-LOC-1, H-RA-1] ${nameOf(plain)}`, () =>
  statesOf(plain, [{}, SPEAKS_POE]))
for (const kind of others) describe(`${nameOf(kind)}, too`, () => statesOf(kind, [SPEAKS_POE]))

function statesOf(kind: WorldKind, fields: readonly Readonly<Record<string, string>>[]): void {
  for (const row of STATES) {
    if (row.store !== undefined && row.store !== kind.store) continue
    it(`${row.title}: each method is answered as the table says`, async () => {
      const stage = await openStage(kind, row)
      try {
        for (const headers of fields) await tryRow(stage, row, headers)
      } finally {
        stage.door.open()
        for (const stream of stage.streams) stream.end()
        await stage.world.close()
      }
    })
  }
}

async function tryRow(
  stage: Stage,
  row: StateRow,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { world } = stage
  const link = await row.reach(stage, headers)
  const record = await recordAt(stage, link)
  const runs = world.runs
  const look = (answer: Answer, method: string, cell: Cell) =>
    checkCell(answer, cell, row, link, `${method} ${JSON.stringify(headers)}`)
  const get = await ask(world, 'GET', link, { headers })
  look(get, 'GET', row.GET)
  checkHead(await ask(world, 'HEAD', link, { headers }), get)
  look(await ask(world, 'OPTIONS', link, { headers }), 'OPTIONS', optionsOf(row))
  for (const method of OTHER_METHODS) {
    const body = method === 'TRACE' || method === 'DELETE' ? {} : { body: '{}' }
    look(await ask(world, method, link, { headers, ...body }), method, otherOf(row))
  }
  expect(await recordAt(stage, link), 'no safe or foreign method touches the record').to.deep.equal(
    record,
  )
  expect(world.runs, 'no safe or foreign method runs the handler').to.equal(runs)
  look(await post(world, link, {}, headers), 'POST', row.POST)
  expect(world.runs - runs, 'runs of the handler by the POST').to.equal(
    row.POST.status === 201 ? 1 : 0,
  )
  await row.leave?.(stage)
}

function optionsOf({ OPTIONS, GET, allow }: StateRow): Cell {
  return OPTIONS ?? (allow === null ? GET : { status: 204, body: '' })
}

/** Where the state is known, the method is refused; else what is not known goes first. */
function otherOf({ allow, GET, OPTIONS }: StateRow): Cell {
  if (allow === null || OPTIONS === GET) return GET
  return { status: 405, type: 'method-not-allowed' }
}

function checkCell(answer: Answer, cell: Cell, row: StateRow, link: string, what: string): void {
  const fail = `${what}: ${answer.status} ${answer.text.slice(0, 300)}`
  expect(answer.status, fail).to.equal(cell.status)
  const allow = membersOf(cell.allow ?? row.allow)
  expect(answer.allow, `${fail}: Allow`).to.deep.equal(allow)
  expect(answer.field('Cache-Control'), `${fail}: Cache-Control`).to.equal('no-store')
  expect(answer.field('Referrer-Policy'), `${fail}: Referrer-Policy`).to.equal('no-referrer')
  checkLocation(answer.field('Location'), cell.location, fail)
  checkRetryAfter(answer.field('Retry-After'), cell.retryAfterS, fail)
  if (cell.type !== undefined) checkProblem(answer, cell, cell.type, link, fail)
  if (cell.body !== undefined) expect(answer.text, `${fail}: body`).to.equal(cell.body)
  for (const [name, value] of Object.entries(cell.fields ?? {})) {
    expect(answer.field(name), `${fail}: ${name}`).to.equal(value)
  }
  if (cell.result !== undefined) checkResult(answer, cell.result, link, fail)
  else if (cell.fields?.Link === undefined) expect(answer.field('Link'), fail).to.equal(null)
}

function checkLocation(location: string | null, wanted: Cell['location'], fail: string): void {
  if (wanted instanceof RegExp) expect(location, fail).to.match(wanted)
  else expect(location, `${fail}: Location`).to.equal(wanted ?? null)
}

function checkRetryAfter(value: string | null, wanted: Cell['retryAfterS'], fail: string): void {
  if (wanted === undefined) {
    expect(value, `${fail}: Retry-After`).to.equal(null)
    return
  }
  expect(value, `${fail}: Retry-After`).to.match(/^\d+$/)
  expect(Number(value), `${fail}: Retry-After`).to.be.within(...wanted)
}

function checkProblem(answer: Answer, cell: Cell, type: string, link: string, fail: string): void {
  expect(answer.field('Content-Type'), fail).to.equal('application/problem+json')
  expect(answer.field('X-Content-Type-Options'), fail).to.equal('nosniff')
  expect(membersOf(answer.field('Vary')), fail).to.include('Accept')
  expect(answer.json(), fail).to.include({
    type: `urn:post-once-exactly:problem:${type}`,
    status: cell.status,
    instance: link,
  })
  for (const member of ['title', 'detail']) {
    expect(answer.json()[member], `${fail}: ${member}`).to.be.a('string').and.not.equal('')
  }
}

function checkResult(answer: Answer, result: string, link: string, fail: string): void {
  const target = result === 'self' ? link : result
  const relation = 'rel="related urn:post-once-exactly:rel:result"'
  expect(answer.field('Link'), fail).to.equal(`<${target}>; ${relation}; anchor="${link}"`)
  if (answer.status === 405) expect(answer.json(), fail).to.include({ result: target })
}

/** HEAD says what GET says, without the content. */
function checkHead(head: Answer, get: Answer): void {
  expect(head.text).to.equal('')
  expect(head.status).to.equal(get.status)
  expect(comparable(head), 'fields of HEAD and GET').to.deep.equal(comparable(get))
  // What follows from the content alone may be left out. RFC 9110 9.3.2
  const length = head.field('Content-Length')
  if (length !== null) expect(length).to.equal(get.field('Content-Length'))
}

function comparable({ fields }: Answer): object {
  const { date: _date, 'retry-after': _again, 'content-length': _length, ...others } = fields
  return others
}
