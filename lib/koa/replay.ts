/**
 * GET at a spent link: the stored answer.
 *
 * 2xx is given as 200 with the same bytes and representation fields (204 stays 204); an empty 201
 * and a redirection lead to their `Location`.
 *
 * @see POE draft 2; RFC 9110 15.4.4
 */
import type { Context } from 'koa'
import { type Outcome, recordedField } from '../engine/outcome.js'
import { toPoeUri } from '../protocols/poe/uri.js'
import { addToField, retryAfter } from './fields.js'
import { answerProblem, type Problem } from './problem.js'
import { BODY_NOT_KEPT, BODY_PENDING, CODING_REFUSED } from './refusals.js'
import { refusedCoding, withoutCoding } from './stored-coding.js'

/**
 * Gives the URI-reference of an outcome's result: its `Location`, else the POE resource itself.
 *
 * @param self - the POE resource
 */
export function resultOf(outcome: Outcome, self: string): string {
  const location = recordedField(outcome, 'location')
  if (location === null) return self
  try {
    const [reference = '', fragment] = location.split('#', 2)
    return toPoeUri(reference) + (fragment === undefined ? '' : `#${encodeURI(fragment)}`)
  } catch {
    return self
  }
}

/**
 * Points at the result in `Link`: a registered relation, and our own that says what it is.
 *
 * @see RFC 8288 3.2 (anchor), 2.1.2 (extension relations)
 */
export function linkResult(ctx: Context, result: string, self: string, uriBase: string): void {
  const relation = `related ${uriBase}rel:result`
  addToField(ctx.res, 'Link', `<${result}>; rel="${relation}"; anchor="${self}"`)
}

/**
 * Sets the stored answer.
 *
 * @param self - the POE resource
 * @param uriBase - what problem types and relations begin with
 */
export function answerOutcome(ctx: Context, outcome: Outcome, self: string, uriBase: string): void {
  const { status, body } = outcome
  const result = resultOf(outcome, self)
  const located = recordedField(outcome, 'location') !== null
  if (status >= 300 || (located && body.kind !== 'kept')) {
    seeOther(ctx, result)
    return
  }
  switch (body.kind) {
    case 'kept':
      if (!giveBack(ctx, outcome, body.bytes, 200)) problem(ctx, CODING_REFUSED, uriBase)
      if (located) linkResult(ctx, result, self, uriBase)
      return
    case 'none':
      setFields(ctx, outcome)
      ctx.body = null
      ctx.status = status === 204 || status === 205 ? status : 200
      return
    case 'pending':
      problem(ctx, BODY_PENDING, uriBase)
      return
    case 'not-kept':
      problem(ctx, BODY_NOT_KEPT, uriBase)
  }
}

function seeOther(ctx: Context, result: string): void {
  ctx.body = null
  ctx.status = 303
  ctx.set('Location', result)
}

/**
 * Sets the stored bytes and fields as the answer, without their coding for a client that does not
 * take it.
 *
 * @param status - of the answer
 * @param also - as for {@link setFields}
 * @returns whether it did; else that client can be given nothing
 */
export function giveBack(
  ctx: Context,
  outcome: Outcome,
  bytes: Uint8Array,
  status: number,
  also: readonly 'location'[] = [],
): boolean {
  const kept = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const coding = refusedCoding(ctx, outcome)
  const given = coding === null ? kept : withoutCoding(kept, coding)
  if (given === null) return false
  ctx.status = status
  ctx.body = given
  ctx.remove('Content-Type')
  setFields(ctx, outcome, also)
  if (coding === null) return true
  ctx.vary('Accept-Encoding')
  ctx.remove('Content-Encoding')
  // It names the coded bytes.
  ctx.remove('ETag')
  return true
}

/**
 * Sets the recorded fields.
 *
 * @param also - `Location`, which has a meaning for 201 and redirections only. RFC 9110 10.2.2
 */
export function setFields(ctx: Context, outcome: Outcome, also: readonly 'location'[] = []): void {
  for (const [name, value] of outcome.fields) {
    if (name === 'vary') ctx.vary(value)
    else if (name !== 'location' || also.includes(name)) ctx.set(name, value)
  }
}

function problem(ctx: Context, what: Problem, uriBase: string): void {
  if (what.askAgainMs !== undefined) ctx.set('Retry-After', retryAfter(what.askAgainMs))
  answerProblem(ctx, what, uriBase)
}
