/**
 * A refusal as the application is given it, to draw a page of its own.
 *
 * @see POE draft 2
 */
import type { Outcome, RecordedField } from '../engine/outcome.js'
import type { LinkRefusal } from './refusal-kinds.js'

/** The recorded answer of the POST that succeeded. */
export interface Placed {
  readonly status: number
  /** The fields that were recorded, names in lower case. */
  readonly fields: readonly RecordedField[]
  /** The content, coded as `content-encoding` says; `null` where none is kept. */
  readonly body: Uint8Array | null
}

/**
 * A refusal, and all that is known about it. Nothing in it is escaped: it is text, and what was
 * sent in `fields` is whatever somebody typed.
 */
export interface Refusal {
  /** Which of the refusals it is; `status`, `title` and `detail` follow from it. */
  readonly kind: LinkRefusal
  readonly status: number
  /** Language tag of title and detail: the one that fits `Accept-Language` best. */
  readonly language: string
  readonly title: string
  readonly detail: string
  /** The address that was asked: a GET there tells what became of it. */
  readonly address: string
  /** URI-reference of the result of the POST that succeeded, where there is one. */
  readonly result: string | null
  /**
   * Where a page should lead to the result: `address` where that redirects to it, else `result`. A
   * browser that goes on to the address that it has posted to puts that in the refusal's place, so
   * that Back does not end on its question whether to send the form once more.
   */
  readonly way: string | null
  /** Whether what was sent now is what succeeded; `null` where that cannot be told. */
  readonly payloadMatches: boolean | null
  /** What was answered then, where there was a success. */
  readonly placed: Placed | null
  /** A fresh link for the same purpose, where one is of use and can be had now. */
  readonly link: string | null
  /** The page that gives a fresh form, as the resource's `createForm` says. */
  readonly createForm: string | null
  /**
   * What was sent now, where a parser or this package could read it as the members of a form: text,
   * or a list where a name came several times; files are left out.
   */
  readonly fields: Readonly<Record<string, unknown>> | null
  /**
   * The names of the members that held files. A page cannot put a file back into a form, so it has
   * to say that it must be chosen again.
   */
  readonly files: readonly string[]
  /** When it is worth asking again, in milliseconds; `null` where that is of no use. */
  readonly retryAfterMs: number | null
}

/** Gives the recorded answer as the application is shown it. */
export function placedOf({ status, fields, body }: Outcome): Placed {
  return { status, fields, body: body.kind === 'kept' ? body.bytes : null }
}
