/**
 * What the words of pages are made of, in any language.
 *
 * @see RFC 5646
 */
import type { DoorRefusal, LinkRefusal } from './refusal-kinds.js'

/** The words of one refusal. `{}` in the detail is filled in as it is in English. */
export interface RefusalWords {
  readonly title: string
  readonly detail: string
}

/** What the links of a page say. */
export interface PageLabels {
  /** Leads to the result of the POST that succeeded. */
  readonly result: string
  /** Asks the same address again. */
  readonly again: string
  /** Leads to a fresh form. */
  readonly createForm: string
}

/** The words of one language. */
export interface PageTexts {
  readonly labels: PageLabels
  readonly refusals: Readonly<Partial<Record<LinkRefusal | DoorRefusal, RefusalWords>>>
}

/** Fills in a value for each `{}` of a detail, in order. */
export function fill(detail: string, values: readonly (string | number)[]): string {
  const [first = '', ...others] = detail.split('{}')
  return others.reduce((told, part, at) => `${told}${values[at] ?? ''}${part}`, first)
}
