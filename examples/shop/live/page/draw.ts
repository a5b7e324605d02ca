/** Draws steps: a sequence and a ledger for each form. What it draws reads as text, too. */
import type { Ledgers, Side, Step } from '../steps.js'
import * as words from './words.js'

const SIDES = ['ordinary', 'once'] as const

type Look = 'there' | 'back' | 'lost' | 'note' | 'dead' | 'born'
type Run = Extract<Step, { kind: 'run' }>

let run: Run | null = null
const presses = new Set<string>()

/** Draws a step. A new experiment begins with empty sequences; steps of older ones are left out. */
export function draw(step: Step): void {
  if (step.kind === 'run') begin(step)
  else if (run !== null && step.run === run.run) drawIn(run, step)
}

function drawIn({ fault }: Run, step: Exclude<Step, Run>): void {
  switch (step.kind) {
    case 'request': {
      const name = `${step.side} ${step.press}`
      const isRepeat = step.press !== null && step.press !== 'hand' && presses.has(name)
      presses.add(name)
      add(step.side, 'there', words.ofRequest(step, isRepeat), step)
      break
    }
    case 'effect':
      add(step.side, 'note', words.ofEffect(step.path), step)
      break
    case 'answer':
      add(step.side, 'back', words.ofAnswer(step), step)
      break
    case 'lost':
      add(step.side, 'lost', words.LOST, step)
      break
    case 'killed':
      add(step.side, 'dead', words.ofKilled(step.pid), step)
      break
    case 'started':
      add(deadSide(), 'born', words.ofStarted(step.pid), step)
      break
    case 'ledgers':
      drawLedgers(step.ledgers)
      break
    case 'end':
      say(words.ofEnd(fault, ledgers), true)
  }
}

/** Says how things stand, to everybody. */
export function say(text: string, isVerdict = false): void {
  const place = byId('verdict')
  place.classList.toggle('final', isVerdict)
  place.replaceChildren(element('span', '', text))
}

/** An element of the page. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no ${id}`)
  return found
}

let ledgers: Ledgers = { ordinary: [], once: [] }

function begin(step: Run): void {
  run = step
  presses.clear()
  for (const side of SIDES) byId(`${side}-steps`).replaceChildren()
  drawLedgers({ ordinary: [], once: [] })
  say(words.underWay(step.fault))
}

function drawLedgers(now: Ledgers): void {
  ledgers = now
  for (const side of SIDES) {
    const rows = now[side]
    const count = byId(`${side}-count`)
    count.textContent = String(rows.length)
    count.className = rows.length > 1 ? 'many' : rows.length === 1 ? 'one' : ''
    const items = rows.map(({ id, path, sku, qty }) => {
      const item = element('li', '', '')
      const link = element('a', '', `Order ${id}`)
      link.setAttribute('href', path)
      item.append(link, ` ${qty} × ${sku}`)
      return item
    })
    byId(`${side}-rows`).replaceChildren(...items)
  }
}

/** The form whose process was killed last. */
function deadSide(): Side {
  const dead = SIDES.filter(side => byId(`${side}-steps`).querySelector('.dead') !== null)
  return dead.at(-1) ?? 'ordinary'
}

const TO: Readonly<Record<Look, string>> = {
  there: 'You to the shop: ',
  back: 'The shop to you: ',
  lost: 'The shop to you: ',
  note: 'At the shop: ',
  dead: 'The shop to you: ',
  born: 'At the shop: ',
}

function add(side: Side, look: Look, said: words.Said, step: Step): void {
  const item = element('li', look, '')
  const seconds = ((step.atMs - (run?.atMs ?? step.atMs)) / 1000).toFixed(1)
  const what = element('p', 'what', '')
  what.append(
    element('span', 'hidden', TO[look]),
    said.what,
    ' ',
    element('time', '', `${seconds} s`),
  )
  item.append(what)
  if (said.wire !== undefined && said.wire.length > 0) {
    const wire = element('p', 'wire', '')
    for (const line of said.wire) wire.append(element('code', '', line))
    item.append(wire)
  }
  if (said.means !== undefined) item.append(element('p', 'means', said.means))
  const list = byId(`${side}-steps`)
  list.append(item)
  list.scrollTop = list.scrollHeight
}

function element(name: string, className: string, text: string): HTMLElement {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.textContent = text
  return made
}
