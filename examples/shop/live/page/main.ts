/** The live page: its buttons, its forms, and the steps that the shop tells. */
import type { Fault, Side, Step } from '../steps.js'
import { byId, draw, say } from './draw.js'
import { type Begun, carryOut, press, type Stage } from './experiments.js'
import { short } from './words.js'

const buttons = [...document.querySelectorAll<HTMLButtonElement>('button[data-fault]')]
const forms = [...document.querySelectorAll<HTMLFormElement>('form[data-side]')]
/** The experiment that the forms belong to by now. */
let begun: Begun | null = null

const steps = new EventSource('/live/events')
steps.addEventListener('message', ({ data }) => draw(JSON.parse(String(data)) as Step))

for (const button of buttons) {
  button.disabled = button.hasAttribute('data-never')
  button.addEventListener('click', () => void experiment(button))
}
for (const form of forms) {
  form.addEventListener('submit', event => {
    event.preventDefault()
    void pressByHand(form.dataset.side as Side)
  })
}

async function experiment(button: HTMLButtonElement): Promise<void> {
  // `aria-disabled` keeps the focus where it is.
  if (button.getAttribute('aria-disabled') === 'true') return
  setBusy(true)
  try {
    const fault = button.dataset.fault as Fault
    const stage = await begin(fault)
    if (stage === null) return
    bringIntoView(byId('verdict'))
    await carryOut(fault, stage)
    if (fault !== 'none') await fetch(`/live/runs/${stage.begun.run}/end`, { method: 'POST' })
  } catch {
    say('The shop cannot be reached. Is it still running?')
  } finally {
    setBusy(false)
  }
}

/** Presses one button: in the experiment that the page is in, else in a new one without a fault. */
async function pressByHand(side: Side): Promise<void> {
  const stage = begun === null ? await begin('none') : { begun, fields }
  if (stage !== null) await press(stage, side, 'hand')
}

async function begin(fault: Fault): Promise<Stage | null> {
  const answer = await fetch('/live/runs', {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({ fault }),
  })
  const told = (await answer.json()) as Begun & { readonly detail?: string }
  if (!answer.ok) {
    say(told.detail ?? 'That cannot be tried now.')
    return null
  }
  begun = told
  for (const form of forms) {
    const side = form.dataset.side as Side
    form.action = told[side]
    byId(`${side}-address`).textContent = short(told[side])
  }
  return { begun, fields }
}

/** A form's fields, as it would send them. */
function fields(side: Side): URLSearchParams {
  const form = forms.find(one => one.dataset.side === side)
  const entries = [...new FormData(form)].map(([name, value]) => [name, String(value)])
  return new URLSearchParams(entries)
}

/** On a phone it is said below what can be seen. */
function bringIntoView(place: HTMLElement): void {
  const { top, bottom } = place.getBoundingClientRect()
  if (top < 0 || bottom > innerHeight) place.scrollIntoView({ block: 'start' })
}

function setBusy(isBusy: boolean): void {
  for (const button of buttons) button.setAttribute('aria-disabled', String(isBusy))
}
