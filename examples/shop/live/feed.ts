/** Tells a page of each step as it happens, by server-sent events. */
import type { ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { sendProblem } from '../problems.js'
import type { Runs } from './runs.js'
import type { Step } from './steps.js'

const MAX_PAGES = 20
const BEAT_MS = 15_000
/** A page that reads nothing any more is let go. */
const MAX_BEHIND_BYTES = 262_144
/** How soon a page asks again once the connection is gone, in milliseconds. */
const ASK_AGAIN_MS = 300

/** The pages that look on. */
export interface Feed {
  /** Answers with the visitor's experiment so far, and with each further step. */
  readonly open: (ctx: Context) => void
  /** Ends all of them. */
  close(): void
}

/** Makes a feed of what happens in `runs`. */
export function openFeed(runs: Runs): Feed {
  const pages = new Map<ServerResponse, string>()
  const beat = setInterval(() => {
    for (const page of pages.keys()) page.write(': still here\n\n')
  }, BEAT_MS).unref()
  const stopListening = runs.listen(step => {
    for (const [page, visitor] of pages) if (visitor === step.visitor) send(page, step)
  })
  return {
    open(ctx) {
      if (pages.size >= MAX_PAGES) {
        sendProblem(ctx, 503, { detail: 'Too many pages are looking on.' })
        return
      }
      const visitor = String(ctx.state.user)
      const page = ctx.res
      // Its end is nobody's error, and Koa would take it for one.
      ctx.respond = false
      pages.set(page, visitor)
      page.on('close', () => pages.delete(page))
      const head = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }
      page.writeHead(200, head).write(`retry: ${ASK_AGAIN_MS}\n\n`)
      const seen = Number(ctx.get('Last-Event-ID')) || 0
      for (const step of runs.steps(visitor)) if (step.id > seen) send(page, step)
    },
    close() {
      clearInterval(beat)
      stopListening()
      for (const page of pages.keys()) page.end()
    },
  }
}

function send(page: ServerResponse, step: Step): void {
  if (page.writableLength > MAX_BEHIND_BYTES) page.destroy()
  else page.write(`id: ${step.id}\ndata: ${JSON.stringify(step)}\n\n`)
}
