/**
 * What many checks begin with or ask for.
 */
import type { Expectation, RequestSpec, SendStep, Step, Target } from '../catalogue.js'

/** The link of a check that has one. */
export const L: Target = { link: 'L' }

/** What counts as success: 2xx, or a redirect to the result. */
export const SUCCESS: Expectation = { status: ['2xx', '301', '302', '303'] }

/** No second success. */
export const NOT_2XX: Expectation = { status: ['!2xx'] }

/** No redirect that counts as success. */
export const NO_REDIRECT: Expectation = { status: ['!301', '!302', '!303'] }

/** Fetches the link. */
export const MINT: Step = { mint: 'L' }

/** Uses the link, and goes on only if that works. */
export const USE: SendStep = { send: { to: L }, as: 'first', setup: [SUCCESS] }

/** A link that has been used. */
export const SPENT: readonly Step[] = [MINT, USE]

/** The link can still be used. */
export const STILL_USABLE: Step = {
  send: { to: L },
  as: 'later',
  patiently: true,
  expect: [SUCCESS],
}

/** A GET of the link, by the name `L`. */
export const GET: RequestSpec = { method: 'GET', to: L }

/** What a server may say while the first POST is running. */
export const NOT_NOW: Expectation = { status: ['409', '425', '429', '503'] }

/** What a handler may report as a failure. */
export const FAILURE: Expectation = {
  status: ['307', '308', '4xx', '5xx', '401', '407', '429', '502', '503', '504'],
}

/** Fields of a request by somebody who reads pages. */
export const READER = { Accept: 'text/html' }

/** A client gives up while its slow request is at work, and sends it again. */
export const GIVEN_UP: readonly Step[] = [
  MINT,
  { leave: { to: L, provoke: 'slow' }, before: 'answer' },
  { pause: 'arrival' },
  // As slow as the first one, so that both are over when effects are counted.
  { send: { to: L, provoke: 'slow' }, patiently: true },
  { effects: { atMost: 1 } },
]
