/**
 * The contents that are sent: those of the adapter, and those that follow from them.
 */
import type { AdapterContent, ServerAdapter } from './adapter.js'
import type { BodyKind } from './catalogue.js'
import type { PageForm } from './forms.js'

/** Bytes and their media type. */
export interface TypedBytes {
  readonly type: string
  readonly bytes: Buffer
}

const FORM = 'application/x-www-form-urlencoded'
/** Numbers of contents that differ from those of any link. */
const OTHER_COUNTS = 500_000
const BOUNDARY = 'poe-check-boundary'
const HUGE_BYTES = 4 * 1024 * 1024
/** `valid` where the adapter has none: a server that takes anything takes this. */
const ANYTHING: AdapterContent = { json: { check: '{n}' } }

/**
 * The content of a kind.
 *
 * @param adapter - what is known of the server
 * @param kind - which one; `none` has none
 * @param count - takes the place of `{n}`
 * @returns `null` where there is none of that kind
 */
export function contentOf(
  adapter: ServerAdapter,
  kind: BodyKind,
  count: number,
): TypedBytes | null {
  const valid = adapter.valid ?? ANYTHING
  switch (kind) {
    case 'none':
      return null
    case 'valid':
      return typed(valid, count)
    case 'otherValid':
      return adapter.otherValid === undefined
        ? otherBytes(valid, count)
        : typed(adapter.otherValid, count)
    case 'different':
      return adapter.otherValid === undefined
        ? differentFrom(valid, count)
        : typed(adapter.otherValid, count)
    case 'otherType': {
      const other = adapter.otherType ?? converted(valid)
      return other === null ? null : typed(other, count)
    }
    case 'invalid':
      return adapter.invalid === undefined ? null : typed(adapter.invalid, count)
    case 'charset': {
      const { type, bytes } = typed(valid, count)
      return { type: type.includes(';') ? type : `${type}; charset=UTF-8`, bytes }
    }
    case 'plain':
      return { type: 'text/plain;charset=UTF-8', bytes: typed(valid, count).bytes }
    case 'parts': {
      const flat = 'form' in valid ? valid : converted(valid)
      const isFlat = flat !== null && 'form' in flat
      return isFlat ? typed(sentBy({ isMultipart: true }, flat.form), count) : null
    }
    case 'broken':
      return { type: typed(valid, count).type, bytes: Buffer.from('{"\xff%', 'latin1') }
    case 'unknownType':
      return { type: 'application/vnd.poe-check', bytes: Buffer.from('poe check') }
    case 'huge':
      return { type: typed(valid, count).type, bytes: Buffer.alloc(HUGE_BYTES, ' ') }
  }
}

/**
 * What is sent through a form of the page: the contents of the adapter that are forms, with what
 * the form sends by itself.
 *
 * @param adapter - what is known of the server
 * @param form - of the page
 * @param isConverted - flat JSON of the adapter is sent as a form, too
 * @returns the adapter for links of that form
 */
export function throughForm(
  adapter: ServerAdapter,
  form: PageForm,
  isConverted: boolean,
): ServerAdapter {
  const through = (content: AdapterContent): AdapterContent => {
    const given = isConverted && 'json' in content ? (converted(content) ?? content) : content
    return 'form' in given ? sentBy(form, { ...form.defaults, ...given.form }) : given
  }
  const { valid, otherValid, otherType, invalid, provoke } = adapter
  const provoked = Object.entries(provoke ?? {}).map(([name, one]) => {
    return [name, one.content === undefined ? one : { ...one, content: through(one.content) }]
  })
  return {
    ...adapter,
    valid: valid === undefined ? sentBy(form, form.filled) : through(valid),
    ...(otherValid === undefined ? {} : { otherValid: through(otherValid) }),
    ...(otherType === undefined ? {} : { otherType: through(otherType) }),
    ...(invalid === undefined ? {} : { invalid: through(invalid) }),
    ...(provoke === undefined ? {} : { provoke: Object.fromEntries(provoked) }),
  }
}

function sentBy(
  { isMultipart }: Pick<PageForm, 'isMultipart'>,
  values: Readonly<Record<string, string>>,
): AdapterContent {
  if (!isMultipart) return { form: values }
  const parts = Object.entries(values).map(([name, value]) => {
    const quoted = name.replaceAll('"', '%22')
    const head = `Content-Disposition: form-data; name="${quoted}"`
    return `--${BOUNDARY}\r\n${head}\r\n\r\n${value}\r\n`
  })
  const type = `multipart/form-data; boundary=${BOUNDARY}`
  return { type, text: `${parts.join('')}--${BOUNDARY}--\r\n` }
}

/** A content of the adapter, as bytes. */
export function typed(content: AdapterContent, count: number): TypedBytes {
  const { type, text } = written(content)
  return { type, bytes: Buffer.from(text.replaceAll('{n}', String(count))) }
}

function written(content: AdapterContent): { readonly type: string; readonly text: string } {
  if ('json' in content) return { type: 'application/json', text: JSON.stringify(content.json) }
  if ('form' in content) return { type: FORM, text: formText(content.form) }
  return content
}

/** `{n}` has to survive the encoding. */
function formText(form: Readonly<Record<string, string>>): string {
  return new URLSearchParams(form).toString().replaceAll('%7Bn%7D', '{n}')
}

/** The same with other bytes: white space in JSON, an encoded letter in a form. */
function otherBytes(content: AdapterContent, count: number): TypedBytes {
  if ('json' in content) {
    const text = `${JSON.stringify(content.json, null, 2)}\n`
    return typed({ type: 'application/json', text }, count)
  }
  if ('form' in content) {
    const encoded = formText(content.form).replace(/=([A-Za-z0-9])/, (_, letter: string) => {
      return `=%${letter.charCodeAt(0).toString(16)}`
    })
    return typed({ type: FORM, text: encoded }, count)
  }
  return typed({ type: content.type, text: `${content.text}\n` }, count)
}

/** Means something else: another number in place of `{n}`, else of the first value that has one. */
function differentFrom(content: AdapterContent, count: number): TypedBytes | null {
  const { type, text } = written(content)
  if (text.includes('{n}')) return typed({ type, text }, count + OTHER_COUNTS)
  if ('text' in content) return null
  const value = 'json' in content ? content.json : content.form
  const other = withOther(value, content)
  return other === null ? null : typed(other, count)
}

function withOther(value: unknown, content: AdapterContent): AdapterContent | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const members = Object.entries(value)
  const isNumber = (one: unknown) => typeof one === 'number' || /^\d+$/.test(String(one))
  const found =
    members.find(([, one]) => isNumber(one)) ?? members.find(([, one]) => typeof one === 'string')
  if (found === undefined) return null
  const [name, old] = found
  const raised = typeof old === 'number' ? old + 1 : String(Number(old) + 1)
  const all = { ...value, [name]: isNumber(old) ? raised : `${old} 2` }
  return 'form' in content ? { form: all as Readonly<Record<string, string>> } : { json: all }
}

function converted(content: AdapterContent): AdapterContent | null {
  if ('form' in content) return { json: content.form }
  if (!('json' in content)) return null
  const { json } = content
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null
  const members = Object.entries(json)
  if (members.some(([, value]) => typeof value === 'object')) return null
  return { form: Object.fromEntries(members.map(([name, value]) => [name, String(value)])) }
}
