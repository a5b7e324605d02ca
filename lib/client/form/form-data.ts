/**
 * What a form holds and where it goes, as the browser itself would send it.
 *
 * @see WHATWG HTML 4.10.21
 */

/**
 * Where the form is to be sent; `null` where it is none to be enhanced. The form's action is a
 * link, as whoever enhances it says; a button's own address may be any, where a second try does
 * harm.
 */
export function targetOf(form: HTMLFormElement, submitter: HTMLElement | null): URL | null {
  if (submitter?.hasAttribute('formaction')) return null
  const given = (name: string) => attributeOf(form, submitter, name)
  const isPost = given('method').toLowerCase() === 'post'
  const base = document.querySelector<HTMLBaseElement>('base[target]')
  const isHere = /^(?:_self)?$/i.test(given('target') || (base?.target ?? ''))
  if (!isPost || !isHere || given('enctype').toLowerCase() === 'text/plain') return null
  // Scripts write the fields in no other character set.
  const charset = form.getAttribute('accept-charset') || document.characterSet
  if (!/^\s*utf-?8(?!\S)/i.test(charset)) return null
  const target = new URL(given('action') || location.href, document.baseURI)
  return target.origin === globalThis.origin ? target : null
}

/** Whether the form, or the button that was pressed, says `multipart/form-data`. */
export function isMultipart(form: HTMLFormElement, submitter: HTMLElement | null): boolean {
  return attributeOf(form, submitter, 'enctype').toLowerCase() === 'multipart/form-data'
}

/** What the form would send. Browsers before 2023 leave out the button that was pressed. */
export function fieldsOf(form: HTMLFormElement, submitter: HTMLElement | null): FormData {
  const fields = new FormData(form, submitter)
  for (const [name, value] of saidBy(submitter)) {
    // One without a value may be sent with the browser's own words for it.
    const isThere = value === '' ? fields.has(name) : fields.getAll(name).includes(value)
    if (!isThere) fields.append(name, value)
  }
  return fields
}

/** Lets the browser send the form as if the button had just been pressed. */
export function submitPlain(form: HTMLFormElement, submitter: HTMLElement | null): void {
  const { requestSubmit, submit } = HTMLFormElement.prototype
  try {
    requestSubmit.call(form, submitter)
  } catch {
    // The button is gone from the page; what it says belongs to the form all the same.
    for (const [name, value] of saidBy(submitter)) {
      const field = document.createElement('input')
      Object.assign(field, { type: 'hidden', name, value })
      form.appendChild(field)
    }
    submit.call(form)
  }
}

/** Text that is the same for two forms that hold the same. */
export function listed(fields: FormData): string {
  const told = (value: FormDataEntryValue) =>
    typeof value === 'string' ? value : [value.name, value.size, value.lastModified]
  return JSON.stringify([...fields].map(([name, value]) => [name, told(value)]))
}

/** @see WHATWG HTML 4.10.21.7 */
export function urlencoded(fields: FormData): URLSearchParams {
  const text = (value: FormDataEntryValue) =>
    (typeof value === 'string' ? value : value.name).replaceAll(/\r\n?|\n/g, '\r\n')
  return new URLSearchParams([...fields].map(pair => pair.map(text)))
}

function attributeOf(form: HTMLFormElement, submitter: HTMLElement | null, name: string): string {
  return submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? ''
}

function saidBy(submitter: HTMLElement | null): readonly (readonly [string, string])[] {
  const { name = '', value = '', type } = (submitter ?? {}) as Partial<HTMLInputElement>
  return name === '' || type === 'image' ? [] : [[name, value]]
}
