/**
 * What the visitor would do, done by itself: the forms' own requests, from this page, so that they
 * are seen in the browser's tools too. `Demo-Press` only says which press it was.
 */
import type { Fault, Side } from '../steps.js'

/** A new experiment, and the addresses of its forms. */
export interface Begun {
  readonly run: string
  readonly ordinary: string
  readonly once: string
}

/** What an experiment needs of the page. */
export interface Stage {
  readonly begun: Begun
  /** The order's fields, as the form has them. */
  readonly fields: (side: Side) => URLSearchParams
}

const SIDES = ['ordinary', 'once'] as const
/** How long somebody wonders before he presses again, in milliseconds. */
const WONDER_MS = 900
const PATIENCE_MS = 1_000
const CLICK_MS = 120
const TAB_MS = 250
const RESTART_MS = 20_000

/** Sends a form, as its button does. */
export async function press(stage: Stage, side: Side, name: string): Promise<boolean> {
  try {
    await fetch(stage.begun[side], {
      method: 'POST',
      body: stage.fields(side),
      headers: { Accept: 'text/html', 'Demo-Press': name },
    })
    return true
  } catch {
    return false
  }
}

/** Does to both forms what an experiment is there for; resolves when all is answered. */
export async function carryOut(fault: Fault, stage: Stage): Promise<void> {
  switch (fault) {
    case 'none':
      return
    case 'crash':
      // One after the other: each of them kills the process that the other would need.
      for (const side of SIDES) await crash(stage, side)
      return
    case 'client':
      await tryTwice(stage)
      return
    default:
      await Promise.all(SIDES.map(side => ACTS[fault](stage, side)))
  }
}

const ACTS = {
  async drop(stage: Stage, side: Side) {
    if (await press(stage, side, 'first')) return
    await pause(WONDER_MS)
    await press(stage, side, 'again')
  },
  async double(stage: Stage, side: Side) {
    const first = press(stage, side, 'click-1')
    await pause(CLICK_MS)
    await Promise.all([first, press(stage, side, 'click-2')])
  },
  async slow(stage: Stage, side: Side) {
    const first = press(stage, side, 'first')
    await pause(PATIENCE_MS)
    await Promise.all([first, press(stage, side, 'impatient')])
  },
  async tabs(stage: Stage, side: Side) {
    const tab = async (number: number) => {
      await pause(number * TAB_MS)
      if (await press(stage, side, `tab-${number}`)) return
      await pause(WONDER_MS)
      await press(stage, side, `tab-${number}-again`)
    }
    await Promise.all([1, 2, 3].map(tab))
  },
} satisfies Partial<Record<Fault, (stage: Stage, side: Side) => Promise<void>>>

async function crash(stage: Stage, side: Side): Promise<void> {
  if (await press(stage, side, 'first')) return
  await pause(WONDER_MS)
  await untilOpen()
  await press(stage, side, 'again')
}

async function tryTwice({ begun, fields }: Stage): Promise<void> {
  const body = fields('once')
  body.set('ordinary', begun.ordinary)
  body.set('once', begun.once)
  await fetch(`/live/runs/${begun.run}/client`, { method: 'POST', body })
}

/** Waits for the shop to be there again. */
export async function untilOpen(): Promise<void> {
  const untilMs = Date.now() + RESTART_MS
  while (Date.now() < untilMs) {
    const answer = await fetch('/ledger', { headers: { Accept: 'application/json' } }).catch(
      () => null,
    )
    if (answer?.ok) return
    await pause(300)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
