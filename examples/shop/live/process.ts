/**
 * The shop with its live page, as the process that may be killed. `main.ts` watches over it, and
 * hands it what the one before had told.
 */
import { once } from 'node:events'
import { createShop } from '../app.js'
import { serve } from '../serve.js'
import { createLive, type Live } from './live.js'
import { openOrdinaryBook } from './ordinary.js'
import type { Step } from './steps.js'

/** What `main.ts` says when it is this process's turn. */
export interface Heritage {
  readonly past: readonly Step[]
  /** As `PORT`: the one of the process before. */
  readonly port: string
  /** The file of the ordinary form's orders. */
  readonly file: string
}

/** What is said to `main.ts`: a step to keep, or that requests are taken. */
export type Report = { readonly step: Step } | { readonly origin: string; readonly notes: string }

// One in reserve ends with the process that watches over it, too.
process.once('disconnect', () => process.exit(0))
const [{ past, file, port }] = (await once(process, 'message')) as [Heritage]
process.removeAllListeners('disconnect')
process.env.PORT = port
let live: Live | undefined
const { origin, notes, end } = await serve(({ faults, leaseMs, linkLifeMs }, storage) => {
  const keep = (step: Step) => report({ step })
  live = createLive({ storage, ordinary: openOrdinaryBook(file), faults, past, keep })
  return createShop({ storage, faults: true, leaseMs, linkLifeMs, extras: live })
})
process.once('disconnect', end)
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(signal, () => live?.close())
await live?.sayStarted()
await report({ origin, notes })

/** Resolves once it is out of this process, so that a kill does not take it along. */
async function report(message: Report): Promise<void> {
  await new Promise<void>(resolve => {
    if (!process.connected) resolve()
    else process.send?.(message, undefined, {}, () => resolve())
  })
}
