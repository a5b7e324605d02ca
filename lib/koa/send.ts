/**
 * The one writer: puts an answer of ours on the wire. No other file writes a status or a body.
 *
 * A refusal may leave before the request's content has arrived: the rest is read and thrown away
 * for a short time, because a reset would lose the answer.
 *
 * @see RFC 9112 9.6; RFC 9110 12.5.1
 */
import { isAscii } from 'node:buffer'
import type { Context, Response as KoaResponse } from 'koa'
import {
  type Answer,
  type AnswerField,
  bare,
  isRefusal,
  NO_STORE,
  type Problem,
  retryAfter,
} from '../answers/answer.js'
import { wordsOf } from '../answers/page-texts.js'
import { PAGE_POLICY, problemDocument, problemPage } from '../answers/problem.js'
import type { PageLabels, PageTexts, RefusalWords } from '../answers/words.js'
import { arrivalOf } from './arrival.js'
import type { Core } from './core.js'
import { addToField } from './fields.js'
import { pathOf, publicTarget } from './link-paths.js'
import { SAFE_METHODS } from './safe-methods.js'

const DRAIN_MS = 2_000
const NO_CONTENT = bare(204)

/** A page for a person: the application's, or ours. */
export type RefusalPage = string | Uint8Array

/**
 * Sends an answer of ours, and holds it against routers that answer in our place.
 *
 * @param page - of a refusal: `null` for its problem document; by default as the client prefers
 */
export function send(core: Core, ctx: Context, answer: Answer, page?: RefusalPage | null): void {
  const { status, fields, links, body, retryAfterMs } = answer
  const { response } = ctx
  const { res } = response
  drainAfterAnswer(ctx)
  // Koa makes 204 of an answer without a body, unless it is told the status afterwards.
  if (body === null) {
    // Koa 3 would send the text `null` for JSON.
    response.remove('Content-Type')
    response.body = null
  }
  response.status = status
  const refused = isRefusal(answer)
  if (refused) sendProblem(core, ctx, answer, page)
  // Once fields are sent nothing can be added, and Koa would say nothing either.
  if (!res.headersSent) {
    for (const [name, value] of fields) {
      if (name === 'vary' || name === 'Vary') response.vary(value)
      else res.setHeader(name, value)
    }
    if (retryAfterMs !== null) res.setHeader('Retry-After', retryAfter(retryAfterMs))
    for (const link of links) addToField(res, 'Link', link)
  }
  if (!refused && body !== null) sendBytes(response, fields, body as string | Uint8Array)
  decide(ctx, status)
}

/** Koa would name a type where the answer has none. */
function sendBytes(
  response: KoaResponse,
  fields: Answer['fields'],
  body: string | Uint8Array,
): void {
  // Text leaves in one piece with the fields, bytes in a second one.
  const isShort = typeof body !== 'string' && body.byteLength <= SHORT_BYTES
  response.body = isShort && isAscii(body) ? asText(body) : body
  if (!fields.some(isContentType)) response.remove('Content-Type')
}

const SHORT_BYTES = 16_384

function asText(bytes: Uint8Array): string {
  if (Buffer.isBuffer(bytes)) return bytes.toString('latin1')
  return Buffer.from(bytes).toString('latin1')
}

function isContentType([name]: AnswerField): boolean {
  return name === 'content-type' || name.toLowerCase() === 'content-type'
}

function sendProblem(core: Core, ctx: Context, answer: Answer, given?: RefusalPage | null): void {
  const { status, members, body } = answer
  const { response } = ctx
  const { res } = response
  const page = given === undefined && wantsHtml(ctx) ? doorPage(core, ctx, answer) : given
  const isPage = page != null
  if (!res.headersSent) {
    addToField(res, 'Vary', 'Accept')
    if (isPage) addToField(res, 'Vary', 'Accept-Language')
    res.setHeader('X-Content-Type-Options', 'nosniff')
    if (isPage) res.removeHeader('Location')
    res.setHeader('Content-Type', isPage ? 'text/html; charset=utf-8' : PROBLEM_TYPE)
  }
  if (!isPage) response.body = problemDocument(body as Problem, status, members, selfOf(core, ctx))
  else response.body = typeof page === 'string' ? page : Buffer.from(page)
}

const PROBLEM_TYPE = 'application/problem+json'

function doorPage(core: Core, ctx: Context, { members, body }: Answer): string {
  const { result = null, createForm = null } = members ?? {}
  return ownPage(core, ctx, body as Problem, result, [
    [result, 'result'],
    [createForm, 'createForm'],
  ])
}

/** Draws our own page of a refusal, and sets the fields that go with it. */
export function ownPage(
  core: Core,
  ctx: Context,
  problem: Problem,
  result: string | null,
  ways: WaysOn,
): string {
  const { language, title, detail, labels } = wordsFor(core, ctx, problem)
  // In a frame that is not allowed a browser says that the connection was refused; so who may frame
  // this page is said by whoever says it of the application's others.
  const own = String(ctx.response.get('Content-Security-Policy'))
  const frames = own.match(/frame-ancestors[^;,]*/gi) ?? []
  ctx.set('Content-Security-Policy', [PAGE_POLICY, ...frames].join(', '))
  ctx.set('Content-Language', language)
  const links = ways.map(([target, label]) => [target, labels[label]] as const)
  return problemPage({ language, title, detail, result, ways: links })
}

/** The ways on from a page, and what their links are called. */
export type WaysOn = readonly (readonly [target: string | null, label: keyof PageLabels])[]

/** A refusal in one language. */
export interface LocalRefusal extends RefusalWords {
  readonly language: string
  readonly labels: PageLabels
}

/**
 * Says a refusal in the language that the client likes best.
 *
 * @see RFC 9110 12.5.4
 */
export function wordsFor(core: Core, ctx: Context, problem: Problem): LocalRefusal {
  const { texts } = core
  const [first = '', ...others] = texts.keys()
  const language = ctx.acceptsLanguages(first, ...others) || first
  const own = texts.get(language) as PageTexts
  const { title, detail } = wordsOf(own, problem)
  return { language, title, detail, labels: own.labels }
}

/** Answers 204: what there is to tell is in the fields. */
export function sendNoContent(core: Core, ctx: Context): void {
  send(core, ctx, NO_CONTENT)
}

/** Sends what the application has drawn, as a refusal of ours. */
export function sendDrawn(ctx: Context, status: number, links: readonly string[]): void {
  ctx.status = status
  ctx.set(...NO_STORE)
  for (const link of links) addToField(ctx.res, 'Link', link)
  decide(ctx, status)
}

function decide({ poe, response }: Context, status: number): void {
  const { body, res } = response
  poe?.decide(status, body, String(res.getHeader('content-type') ?? ''))
}

/** Ends a request whose client has left: the status is for logs. */
export function sendNobody(ctx: Context, status: 400 | 503): void {
  ctx.status = status
}

/** Puts an answer of ours back where something outside has replaced it. */
export function sendAgain(ctx: Context): void {
  const { poe } = ctx
  const { decided, decidedBody, decidedType } = poe
  const { statusCode } = ctx.res
  poe.statusOutside = statusCode
  if (decided === null || statusCode === decided || ctx.headerSent) return
  // The client has this very answer: that is no other one.
  if (statusCode === 304 && decided === 200 && SAFE_METHODS.has(ctx.method)) return
  ctx.remove('Content-Type')
  ctx.body = decidedBody
  ctx.status = decided
  if (decidedType === '') ctx.remove('Content-Type')
  else ctx.set('Content-Type', decidedType)
}

/**
 * Whether the request would rather have a page than a problem document.
 *
 * @see RFC 9110 12.5.1
 */
export function wantsHtml(ctx: Context): boolean {
  const { accept } = ctx.req.headers
  if (accept === undefined || accept.length > LONGEST_ACCEPT) return false
  return ctx.accepts('application/problem+json', 'application/json', 'text/html') === 'text/html'
}

/** No browser sends a tenth of it, and what reads it takes time by the square of its quotes. */
const LONGEST_ACCEPT = 2_048

/** What was asked for as the client named it, without its query, safe to be quoted in a field. */
export function selfOf(core: Core, ctx: Context): string {
  const target = publicTarget(ctx)
  const { publicPrefix } = core.options
  const last = lastSelf
  if (last.target !== target || last.publicPrefix !== publicPrefix) {
    const path = publicPrefix + pathOf(target)
    last.text = UNSAFE.test(path) ? path.replace(ALL_UNSAFE, encodeURIComponent) : path
    last.target = target
    last.publicPrefix = publicPrefix
  }
  return last.text
}

/** What may not stand in a quoted field as it is. */
const UNSAFE = /[^!#-;=?-[\]^-~]/
const ALL_UNSAFE = new RegExp(UNSAFE, 'g')

/** An answer says it two or three times. */
const lastSelf = { publicPrefix: '', target: '', text: '' }

/**
 * Lets the rest of the content come for at most 2 s after the answer, then closes the connection.
 * Does nothing where there is none to come.
 */
function drainAfterAnswer(ctx: Context): void {
  if (arrivalOf(ctx) !== 'on-its-way') return
  const { req, res } = ctx
  res.once('finish', () => {
    // Node goes on reading an unread body by itself; what it lacks is an end to its patience.
    req.resume()
    const timer = setTimeout(() => {
      if (!req.complete) req.destroy()
    }, DRAIN_MS)
    timer.unref()
    req.once('close', () => clearTimeout(timer))
    req.once('end', () => clearTimeout(timer))
  })
}
