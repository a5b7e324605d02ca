/**
 * Notices that middleware outside has made another answer of the one that was decided here: a
 * success of a refusal is a false word, whoever says it.
 */
import type { Context } from 'koa'
import { beforeFields, FieldsListener } from './before-fields.js'
import type { Core } from './core.js'

/** What the handler has said, or what its error will be answered with. */
export interface HandlerAnswer {
  readonly key: string | null
  readonly status: number
}

/** Compares what is sent with what was decided, if anybody listens to events. */
export function watchAnswer(core: Core, ctx: Context): void {
  const { poe, res } = ctx
  if (core.options.onEvent === undefined || poe.isWatched || res.headersSent) return
  poe.isWatched = true
  beforeFields(res, new Watch(core, ctx))
}

class Watch extends FieldsListener {
  readonly #core: Core
  readonly #ctx: Context

  constructor(core: Core, ctx: Context) {
    super()
    this.#core = core
    this.#ctx = ctx
  }

  override beforeFields(): void {
    const { poe, res } = this.#ctx
    const { said, decided } = poe
    const sent = res.statusCode
    const isAsDecided =
      decided === null ? said === null || isGood(said.status) === isGood(sent) : decided === sent
    if (isAsDecided) return
    const status = decided ?? said?.status ?? sent
    this.#core.engine.emit({ type: 'answer-changed', key: said?.key ?? null, said: status, sent })
  }
}

/** Whether a status looks like a success: a redirection does, also one to a login page. */
function isGood(status: number): boolean {
  return status < 400 && status !== 304
}
