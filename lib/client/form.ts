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
 * Makes `<poe-form>` known to the page: `<poe-form><form
 * method="post" action="…">…</form></poe-form>`.
 * Without script, or where this is not called, the form inside is a plain one.
 *
 * @param options - of every form, see {@link EnhanceOptions}
 * @param name - of the element. Default `poe-form`
 */
export function definePoeForm(options: EnhanceOptions = {}, name = 'poe-form'): void {
  if (customElements.get(name) !== undefined) return
  customElements.define(
    name,
    class extends HTMLElement {
      #form: EnhancedForm | null = null

      connectedCallback(): void {
        const form = this.querySelector('form')
        if (form !== null) this.#form = enhance(form, options)
      }

      disconnectedCallback(): void {
        this.#form?.release()
      }
    },
  )
}
