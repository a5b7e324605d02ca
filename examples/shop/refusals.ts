/**
 * The shop's page for a form that was not taken: what became of the order, what was typed, and how
 * to go on. Programs get a problem document instead, and never come here.
 */
import type { Context } from 'koa'
import type { LinkRefusal, Refusal } from 'post-once-exactly/koa'
import { drawPage, refusalPage } from './pages.js'
import { fieldsOf } from './validate.js'

type Words = Partial<Record<LinkRefusal, readonly [title: string, detail: string]>>

/** What the shop can say better than the library, which knows nothing of orders. */
const WORDS: Words = {
  used: ['This order is placed already', 'It was placed once, and is not placed again.'],
  'used-for-other': [
    'This form was used before',
    'That order stands as it was placed, and nothing was changed now. Send the form below only ' +
      'if you want what it says as a further order.',
  ],
  'used-by-any': [
    'This form was used before',
    'That order stands as it was placed, and nothing was ordered now. Look at it first: it may ' +
      'be the same.',
  ],
  running: ['Your order is being placed', 'This takes a moment. Look again to see how it ended.'],
  undecided: [
    'It is not known whether your order was placed',
    'Something broke while it was being placed. It is not placed again until that is known. ' +
      'Look again in a while, and at your orders before you order anew.',
  ],
  unspent: ['Nothing was ordered here yet', 'This form was not sent, or what it said was refused.'],
  expired: [
    'This form was open for too long',
    'Nothing was ordered. Here it is again, as a fresh form.',
  ],
  forgotten: [
    'This form is very old',
    'Nobody can tell any more whether it was used. Look at your orders before you send it again.',
  ],
  unverifiable: [
    'This form is not yours, or not any more',
    'It was made for another visitor, or before you logged in or out. Nothing was ordered now.',
  ],
  'store-down': [
    'Your order could not be taken',
    'The shop cannot reach its order book. You can send the same form again in a moment: it is ' +
      'not placed twice.',
  ],
}

/** Where a look at the same address tells more, later. */
const PASSING: ReadonlySet<LinkRefusal> = new Set([
  'running',
  'undecided',
  'body-pending',
  'store-down',
])

/** Draws a refusal of an order. */
export function drawRefusal(ctx: Context, refusal: Refusal): string {
  const { kind, address, fields, link, result, way } = refusal
  const [title, detail] = WORDS[kind] ?? [refusal.title, refusal.detail]
  // The same address takes the same order later; any other form needs a fresh one.
  const action = kind === 'store-down' ? address : link
  const form =
    action === null || fields === null ? null : { link: action, fields: fieldsOf(fields) }
  const lookAgain = PASSING.has(kind) ? address : null
  return drawPage(ctx, refusalPage({ title, detail, result, way, lookAgain, form }))
}
