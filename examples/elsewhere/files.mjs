// A POE server of plain node:http: JSON, links by an empty POST, a file for each claim.
//
// A claim is a file that can be made once ("wx"), an outcome a file that is moved into its place. The
// effect is elsewhere (a line in a ledger), so that a claim without an outcome, whose process died,
// is undecided until somebody has looked into the ledger. Run it with a port and a folder.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const [LIFE_S, HORIZON_S, MOST_BYTES] = [3_600, 86_400, 100_000]
const [port, folder] = process.argv.slice(2)
const path = name => `${folder}/${name}`
if (!fs.existsSync(path('secret'))) fs.writeFileSync(path('secret'), randomBytes(32))
const secret = fs.readFileSync(path('secret'))
const mine = new Set() // claims of this process; those of others are of processes that died

const SPENT = 'GET, HEAD, OPTIONS'
const STATES = {
  unspent: [405, 'Nothing has been sent here yet', 'POST, OPTIONS'],
  running: [409, 'Still being carried out', 'OPTIONS', '1'],
  undecided: [409, 'Not known yet', 'OPTIONS', '30'],
  used: [405, 'This was already sent', SPENT],
  expired: [410, 'This address has expired', 'OPTIONS'],
  forgotten: [410, 'This cannot be told any more', 'OPTIONS'],
  unverifiable: [404, 'No such address'],
}

const sign = text => createHmac('sha256', secret).update(text).digest('hex')
const readLedger = () => fs.readFileSync(path('ledger'), { encoding: 'utf8', flag: 'a+' })

/** The name in a link, and what is the case there. */
function look(pathname) {
  const [, name, over, tag] = /^\/once\/((\d+)-[0-9a-f]{32})-([0-9a-f]{64})$/.exec(pathname) ?? []
  const isOurs = name !== undefined && timingSafeEqual(Buffer.from(sign(name)), Buffer.from(tag))
  if (!isOurs) return { state: 'unverifiable' }
  const outcome = path(`${name}.outcome`)
  if (fs.existsSync(outcome)) return { state: 'used', order: JSON.parse(fs.readFileSync(outcome)) }
  if (mine.has(name)) return { state: 'running' }
  if (fs.existsSync(path(`${name}.claim`))) return { state: 'undecided' }
  const overS = Date.now() / 1_000 - Number(over)
  return { name, state: overS < 0 ? 'unspent' : overS < HORIZON_S ? 'expired' : 'forgotten' }
}

function send(res, status, body, fields = {}) {
  const content = status === 204 ? '' : JSON.stringify(body)
  const length = status === 204 ? {} : { 'Content-Length': Buffer.byteLength(content) }
  const kept = { 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }
  res.writeHead(status, { 'Content-Type': 'application/json', ...length, ...kept, ...fields })
  res.end(res.req.method === 'HEAD' ? '' : content)
}

function toResult(url, { id }) {
  const relation = 'rel="related urn:post-once-exactly:rel:result"'
  return { Allow: SPENT, Link: `</orders/${id}>; ${relation}; anchor="${url}"` }
}

function refuse(req, res, { state, order }) {
  const [status, title, allow, againS] = STATES[state]
  const problem = { type: `urn:post-once-exactly:problem:${state}`, status, title }
  send(res, status, problem, {
    'Content-Type': 'application/problem+json',
    ...(allow && { Allow: allow }),
    ...(againS && { 'Retry-After': againS }),
    ...(order && toResult(req.url, order)),
  })
}

async function readOrder(req) {
  let text = '' // an upload that breaks off throws; what is too long is no JSON any more
  for await (const part of req.setEncoding('utf8')) text = (text + part).slice(0, MOST_BYTES)
  try {
    const order = /json/.test(req.headers['content-type']) ? JSON.parse(text) : null
    return order?.item ? order : null
  } catch {
    return null
  }
}

async function post(req, res, pathname, isAsked) {
  const before = look(pathname)
  if (before.state !== 'unspent') return refuse(req, res, before)
  if (isAsked) res.writeContinue()
  const order = await readOrder(req)
  const still = { Allow: 'POST, OPTIONS' }
  if (order === null) return send(res, 422, { title: 'JSON with an item is needed' }, still)
  const { name, ...now } = look(pathname)
  if (now.state !== 'unspent') return refuse(req, res, now)
  mine.add(name) // nothing is awaited between the look and the claim
  fs.closeSync(fs.openSync(path(`${name}.claim`), 'wx'))
  await sleep(Math.min((order.takes_s ?? 0) * 1_000, 2_000))
  if (order.declined) {
    fs.unlinkSync(path(`${name}.claim`))
    mine.delete(name)
    return send(res, 402, { title: 'Your card was declined' }, still)
  }
  const made = { id: readLedger().split('\n').length, item: order.item }
  fs.appendFileSync(path('ledger'), `${JSON.stringify(made)}\n`, { flush: true })
  fs.writeFileSync(path(`${name}.part`), JSON.stringify(made), { flush: true })
  fs.renameSync(path(`${name}.part`), path(`${name}.outcome`))
  send(res, 201, made, { Location: `/orders/${made.id}`, ...toResult(req.url, made) })
}

async function serve(req, res, isAsked) {
  const { pathname } = new URL(req.url, 'http://shop.example')
  const isRead = req.method === 'GET' || req.method === 'HEAD'
  if (pathname === '/links' && req.method === 'POST') {
    const name = `${Math.floor(Date.now() / 1_000) + LIFE_S}-${randomBytes(16).toString('hex')}`
    const link = `/once/${name}-${sign(name)}`
    const caching = { 'Cache-Control': 'private, no-cache' }
    return send(res, 201, { link }, { Location: link, 'POE-Links': `"${link}"`, ...caching })
  }
  const lines = readLedger().split('\n').slice(0, -1)
  if (pathname === '/count') return send(res, 200, { orders: lines.length })
  const line = lines[Number(/^\/orders\/(\d+)$/.exec(pathname)?.[1] ?? 0) - 1]
  if (line !== undefined && isRead) return send(res, 200, JSON.parse(line))
  if (req.method === 'POST') return await post(req, res, pathname, isAsked)
  const found = look(pathname)
  const [, , allow] = STATES[found.state]
  if (found.order && isRead) return send(res, 200, found.order, toResult(req.url, found.order))
  if (isRead || allow === undefined) return refuse(req, res, found)
  if (req.method === 'OPTIONS') return send(res, 204, '', { Allow: allow })
  send(res, 405, { title: 'Not with this method' }, { Allow: allow })
}

const safely = (req, res, isAsked) => serve(req, res, isAsked).catch(() => res.destroy())
createServer((req, res) => safely(req, res, false))
  .on('checkContinue', (req, res) => safely(req, res, true))
  .listen(Number(port), '127.0.0.1')
