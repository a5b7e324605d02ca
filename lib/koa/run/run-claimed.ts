/**
 * Runs a handler under a claim, whatever the door: puts the work to the engine, and sees to it that
 * a client whose handler is overdue is answered all the same.
 */
import type { ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { type RefusedFinding, UNDECIDED_NOW } from '../../answers/findings.js'
import type { GoneSignal, PostVerdict } from '../../engine/operation.js'
import { Unsaid } from '../../engine/unsaid.js'
import { arrivalOf, isClosed } from '../arrival.js'
import { sendNobody } from '../send.js'
import { warnOfEarly, warnOfUnused } from '../warnings.js'
import { watchAnswer } from '../watch-answer.js'
import { type Claimable, HandlerWork, settleBody } from './handler-work.js'
import { isTaken } from './late-handler.js'
import { answerable, statusToKeep } from './thrown.js'

/**
 * How a run ended. Either what the handler said stands, its answer or its error: it is `done`; it
 * is refused, and the operation `free`; or it is not known, and the operation `held`. Or nothing
 * was done now, and what was found is to be told.
 */
export type End = 'done' | 'free' | 'held' | RefusedFinding

/** What a door does at the end of a run. `ctx` is another where the handler is overdue. */
export type AtEnd = (ctx: Context, end: End) => Promise<void> | void

/**
 * Runs the handler if its operation is free, and ends with the door's words.
 *
 * @param atEnd - awaited only where something was found
 * @throws what the handler threw, where that is the answer
 */
export function runClaimed(claimable: Claimable, atEnd: AtEnd): void | Promise<void> {
  const { core, ctx, operation, rules } = claimable
  // Whoever has read it has read half of it, and there is nobody left to answer.
  if (arrivalOf(ctx) === 'cut-off') return sendNobody(ctx, 400)
  const work = new HandlerWork(claimable)
  watchAnswer(core, ctx)
  const verdict = core.engine.post(operation, rules, work, new ClientGone(ctx.res))
  if (!(verdict instanceof Promise)) return end(work, verdict, atEnd)
  return verdict.then(late => end(work, late, atEnd))
}

function end(work: HandlerWork, verdict: PostVerdict, atEnd: AtEnd): void | Promise<void> {
  const { running } = work
  if (running === null) return conclude(work, work.ctx, verdict, atEnd)
  return answerWithout(work, running, verdict, atEnd)
}

/** Its time has long been over: the client is answered without the handler. */
async function answerWithout(
  work: HandlerWork,
  running: Promise<unknown>,
  verdict: PostVerdict,
  atEnd: AtEnd,
): Promise<void> {
  const apart = work.partFromClient()
  if (apart !== null) {
    await conclude(work, apart, verdict, atEnd)
    apart.poe.decided = null
    apart.res.end(apart.body)
  }
  // Middleware around the handler goes on when that does, and sees what it has said.
  await running
  // A claim around this one must not take the word of what is undone.
  if (work.around !== null && work.rules.transactional) throw new Unsaid('It came too late.')
}

function conclude(
  work: HandlerWork,
  ctx: Context,
  verdict: PostVerdict,
  atEnd: AtEnd,
): void | Promise<void> {
  const { core, operation, rules } = work
  if (ctx.poe.isWatched) {
    const status = verdict.kind === 'threw' ? statusToKeep(verdict.error, rules) : ctx.status
    ctx.poe.said = { key: operation.key, status }
  }
  const hasBegun = rules.transactional && ctx.res.headersSent && ctx.res.statusCode < 400
  if (hasBegun && isTaken(ctx)) warnOfEarly(core, operation.key)
  switch (verdict.kind) {
    case 'done':
      if (verdict.unused === true) warnOfUnused(core, operation.key)
      void atEnd(ctx, 'done')
      return settleBody(ctx, work.bodyLost)
    case 'refused':
      return void atEnd(ctx, 'free')
    case 'silent':
      void atEnd(ctx, 'held')
      // A 5xx promises nothing. Another server's refusal would look like one of ours.
      if (ctx.status >= 500) return
      work.takeBack()
      return atEnd(ctx, UNDECIDED_NOW)
    case 'threw':
      void atEnd(ctx, verdict.free ? 'free' : 'held')
      work.takeBackSaid(verdict.error)
      throw answerable(verdict.error, verdict.free)
    case 'gone':
      // There is nobody left to answer.
      return sendNobody(ctx, 503)
    default:
      // Rolled back: worth a line in the log, and for the client another try.
      if ('error' in verdict) ctx.app.emit('error', verdict.error, ctx)
      work.takeBack()
      return atEnd(ctx, verdict)
  }
}

/** Whether the client has left; told by the response, without a signal that nobody may want. */
class ClientGone implements GoneSignal {
  readonly #res: ServerResponse

  constructor(res: ServerResponse) {
    this.#res = res
  }

  get aborted(): boolean {
    return (isClosed(this.#res) ?? true) && !this.#res.writableFinished
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#res.on('close', listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#res.off('close', listener)
  }
}
