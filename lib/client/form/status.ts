/**
 * The line in which a form tells how it stands: read out by screen readers, and without any
 * style of its own, so that a strict policy lets it be.
 *
 * @see WAI-ARIA 1.2, status
 */
import type { FormTexts } from './texts.js'

/** How a form stands, for style sheets: `form[data-poe-state=sending]`. */
export type FormState = 'idle' | 'sending' | 'waiting' | 'offline' | 'done' | 'unknown'

/** The line of one form. */
export class StatusLine {
  readonly #form: HTMLFormElement
  readonly #texts: FormTexts
  #bar: HTMLProgressElement | null = null

  /** Takes the element with `data-poe-status`, or makes one at the form's end. */
  constructor(form: HTMLFormElement, texts: FormTexts) {
    this.#form = form
    this.#texts = texts
    this.#line()
    // A copy that a script has kept of a form on its way is not on its way.
    if (form.hasAttribute('aria-busy')) this.say('idle', '')
  }

  /** Says something, with the way to the result where there is one. */
  say(state: FormState, text: string, result: string | null = null): void {
    const isBusy = state === 'sending' || state === 'waiting' || state === 'offline'
    const form = this.#form
    form.setAttribute('data-poe-state', state)
    form.toggleAttribute('aria-busy', isBusy)
    if (isBusy) form.setAttribute('aria-busy', 'true')
    // A button that is disabled loses the focus; this one only says that it waits.
    for (const button of buttonsOf(form)) {
      if (isBusy) button.setAttribute('aria-disabled', 'true')
      else button.removeAttribute('aria-disabled')
    }
    const line = this.#line()
    line.textContent = text
    if (result !== null) {
      const link = document.createElement('a')
      link.href = result
      link.textContent = this.#texts.result
      line.append(' ', link)
    }
    this.#bar = null
  }

  /** Shows how much has been sent, from 0 to 1. */
  progress(part: number): void {
    this.#bar ??= this.#line().appendChild(document.createElement('progress'))
    this.#bar.setAttribute('aria-label', this.#texts.progress)
    this.#bar.value = part
  }

  /** A script may have written the form anew since it was last there. */
  #line(): HTMLElement {
    const form = this.#form
    const given = form.querySelector<HTMLElement>('[data-poe-status]')
    const line = given ?? form.appendChild(document.createElement('p'))
    line.dataset.poeStatus = ''
    line.setAttribute('role', 'status')
    line.setAttribute('aria-live', 'polite')
    return line
  }
}

/** The buttons that send a form, those outside of it included. */
function buttonsOf(form: HTMLFormElement): readonly HTMLElement[] {
  const root = form.getRootNode() as Document | ShadowRoot | HTMLElement
  const all = root.querySelectorAll<HTMLButtonElement | HTMLInputElement>('button,input')
  return [...all].filter(one => one.form === form && /^(?:submit|image)$/.test(one.type))
}
