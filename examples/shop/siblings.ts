/**
 * The shop's other ways of doing something once, each with a door of its own: payments under the
 * client's keys, actions under ids of the shop's, a stock that is changed only as it was seen, and
 * messages that are suspected when they look alike.
 */
import type Router from '@koa/router'
import type { Context } from 'koa'
import type { Poe } from 'post-once-exactly/koa'
import { readBody, refuseUnread } from './body.js'
import { beforeCommit, beforeWriting, DEMO_REPORTS, failStatusOf } from './faults.js'
import { reading, sendProblem } from './problems.js'
import type { Entry, EntryKind, SideBook } from './side-book.js'
import type { Storage } from './storage.js'

/** The most content that a door takes, in bytes. */
const LIMIT_BYTES = 65_536
const DAY_MS = 86_400_000
const WINDOW_MS = 60_000
/** The most that one request may add to the stock or take from it. */
const MOST_ADDED = 1_000_000

/** Registers the routes. */
export function addSiblings(router: Router, once: Poe<unknown>, storage: Storage): void {
  const { side, book } = storage
  const { transactional } = book
  const common = { transactional, reports: DEMO_REPORTS, contentLimitBytes: LIMIT_BYTES }
  const dangerouslyNotDurable = !storage.store.capabilities.durable

  once.policy(router, '/policy')
  const key = { name: 'payment', retentionMs: DAY_MS, dangerouslyNotDurable, ...common }
  router.post('/payments', once.idempotencyKey(key), readBody, ctx => pay(ctx, storage))
  router.get('/payments/:id', ctx => showEntry(ctx, side, 'payment'))

  router.get('/actions', async ctx => {
    ctx.body = { actions: await reading(ctx, side.count('action')) }
  })
  once.actions(router, '/actions', {
    name: 'action',
    do: async ctx => readBody(ctx, () => act(ctx, storage)),
    undo: ctx => undo(ctx, storage),
    ...common,
  })

  router.get('/stock/:sku', async ctx => {
    const { quantity, version } = await reading(ctx, side.stock(skuOf(ctx), null))
    ctx.set('ETag', `"${version}"`)
    ctx.body = { sku: skuOf(ctx), quantity }
  })
  const asSeen = once.conditional({
    name: 'stock',
    required: true,
    validator: async (ctx, tx) => {
      const { version } = await reading(ctx, side.stock(skuOf(ctx), tx))
      return { etag: `"${version}"` }
    },
    ...common,
  })
  router.post('/stock/:sku', asSeen, readBody, ctx => changeStock(ctx, storage))

  const alike = once.detectDuplicates({
    name: 'message',
    windowMs: WINDOW_MS,
    identity: messageOf,
    ...common,
  })
  router.post('/messages', readBody, alike, ctx => sendMessage(ctx, storage))
  router.get('/messages/:id', ctx => showEntry(ctx, side, 'message'))
}

async function pay(ctx: Context, storage: Storage): Promise<void> {
  const { amount } = contentOf(ctx)
  const isAmount = typeof amount === 'number' && Number.isSafeInteger(amount) && amount > 0
  await once(ctx, storage, isAmount ? null : 'amount must be a whole number above 0', async tx => {
    const paid = await storage.side.add(entryOf(ctx, 'payment', { amount }), tx)
    created(ctx, `/payments/${paid.id}`, paid)
  })
}

async function act(ctx: Context, storage: Storage): Promise<void> {
  await once(ctx, storage, null, async tx => {
    const entry = { ...entryOf(ctx, 'action', ctx.request.body ?? null), name: ctx.poe.key }
    const done = await storage.side.add(entry, tx)
    ctx.status = 201
    ctx.body = shown(done)
  })
}

async function undo(ctx: Context, storage: Storage): Promise<void> {
  await once(ctx, storage, null, async tx => {
    await storage.side.remove('action', ctx.poe.key, tx)
    ctx.body = null
    ctx.status = 204
  })
}

async function changeStock(ctx: Context, storage: Storage): Promise<void> {
  const { add } = contentOf(ctx)
  const sku = skuOf(ctx)
  const isNumber = typeof add === 'number' && Number.isInteger(add) && Math.abs(add) <= MOST_ADDED
  const problem = isNumber ? null : `add must be a whole number of at most ${MOST_ADDED}`
  await once(ctx, storage, problem, async tx => {
    const { quantity } = await storage.side.stock(sku, storage.book.transactional ? tx() : null)
    if (quantity + Number(add) < 0) return refuse(ctx, `There are only ${quantity} of it.`)
    const changed = await storage.side.addStock(sku, Number(add), tx)
    ctx.set('ETag', `"${changed.version}"`)
    ctx.body = { sku, quantity: changed.quantity }
  })
}

async function sendMessage(ctx: Context, storage: Storage): Promise<void> {
  const message = messageOf(ctx)
  const problem = message === null ? 'to and text must be text of 1 to 1000 characters' : null
  await once(ctx, storage, problem, async tx => {
    const sent = await storage.side.add(entryOf(ctx, 'message', message), tx)
    created(ctx, `/messages/${sent.id}`, sent)
  })
}

/** What each handler does around its effect: the faults that were asked for, and the refusals. */
async function once(
  ctx: Context,
  { book }: Storage,
  problem: string | null,
  write: (tx: () => unknown) => Promise<void>,
): Promise<void> {
  await beforeWriting(ctx)
  refuseUnread(ctx)
  if (problem !== null) return refuse(ctx, problem)
  const failStatus = failStatusOf(ctx)
  const fail = (status: number) =>
    sendProblem(ctx, status, { detail: 'Asked for by Demo-Fault; nothing was done.' })
  // What cannot be taken back must be refused before it is written; the other is rolled back.
  if (failStatus !== null && !book.transactional) return fail(failStatus)
  await write(() => ctx.poe.tx)
  if (failStatus !== null) return fail(failStatus)
  await beforeCommit(ctx)
}

function refuse(ctx: Context, detail: string): void {
  sendProblem(ctx, 422, { detail })
}

function created(ctx: Context, location: string, entry: Entry): void {
  ctx.status = 201
  ctx.set('Location', location)
  ctx.body = shown(entry)
}

function shown({ id, content }: Entry): unknown {
  return typeof content === 'object' && content !== null && !Array.isArray(content)
    ? { id, ...content }
    : { id, content }
}

async function showEntry(ctx: Context, side: SideBook, kind: EntryKind): Promise<void> {
  const id = /^[1-9]\d{0,14}$/.test(ctx.params.id) ? Number(ctx.params.id) : 0
  const entry = await reading(ctx, side.find(kind, id, String(ctx.state.user)))
  if (entry === null) return sendProblem(ctx, 404, { detail: `You have no such ${kind}.` })
  ctx.body = shown(entry)
}

function entryOf(ctx: Context, kind: EntryKind, content: unknown) {
  return { kind, user: String(ctx.state.user), name: null, content }
}

function contentOf(ctx: Context): Readonly<Record<string, unknown>> {
  const { body } = ctx.request
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
}

/** What makes two messages alike; `null` for what is no message. */
function messageOf(ctx: Context): { readonly to: string; readonly text: string } | null {
  const { to, text } = contentOf(ctx)
  return isText(to) && isText(text) ? { to, text } : null
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 1_000
}

function skuOf(ctx: Context): string {
  return String(ctx.params.sku)
}
