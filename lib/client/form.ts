/**
 * Forms that are sent by script where there is one: `enhance(form)`, and `<poe-form>`, which
 * does it for the form inside it. No Node, no dependencies, no style and no inline script.
 *
 * @packageDocumentation
 */
import { type EnhancedForm, type EnhanceOptions, enhance } from './form/enhance.js'

export { type EnhancedForm, type EnhanceOptions, enhance } from './form/enhance.js'
export type { FormTexts } from './form/texts.js'

/**
 * Makes `<poe-form>` known to the page:
 * `<poe-form><form method="post" action="…">…</form></poe-form>`. A form that is put there later,
 * or in its place, is enhanced as well. Without script, or where this is not called, the form
 * inside is a plain one.
 *
 * @param options - of every form, see {@link EnhanceOptions}
 * @param name - of the element. Default `poe-form`
 */
export function definePoeForm(options: EnhanceOptions = {}, name = 'poe-form'): void {
  if (customElements.get(name) !== undefined) return
  customElements.define(
    name,
    class extends HTMLElement {
      #form: HTMLFormElement | null = null
      #enhanced: EnhancedForm | null = null
      readonly #changes = new MutationObserver(() => this.#take())

      connectedCallback(): void {
        this.#changes.observe(this, { childList: true, subtree: true })
        if (document.readyState !== 'loading') this.#take()
        else document.addEventListener('DOMContentLoaded', () => this.#take(), { once: true })
      }

      disconnectedCallback(): void {
        // What is only moved is back by then.
        queueMicrotask(() => {
          if (this.isConnected) return
          this.#changes.disconnect()
          this.#enhanced?.release()
          this.#form = null
        })
      }

      #take(): void {
        const form = this.querySelector('form')
        if (form === this.#form || !this.isConnected || document.readyState === 'loading') return
        this.#enhanced?.release()
        this.#form = form
        this.#enhanced = form === null ? null : enhance(form, options)
      }
    },
  )
}
