/** What becomes a message, and what is refused before anything is written. */
import { expect } from 'chai'
import { newMessage } from '../../../lib/engine/outbox/message.js'

const LIMIT_BYTES = 100
const [LONGEST_NAME, LARGEST] = ['x'.repeat(64), 'x'.repeat(LIMIT_BYTES - 2)]
const make = (name: unknown, payload: unknown, options?: object) =>
  newMessage('m', name, payload, LIMIT_BYTES, options)

describe('a message', () => {
  it('[OUT-10] has a name, a payload in JSON, and a delay of 0 where none is given', () => {
    for (const [name, payload, text] of [
      ['mail', { to: 'Ada' }, '{"to":"Ada"}'],
      [LONGEST_NAME, null, 'null'],
      ['Mail.2_b:c-d', LARGEST, `"${LARGEST}"`],
    ] as const) {
      expect(make(name, payload)).to.deep.equal({ key: 'm', name, payload: text, delayMs: 0 })
    }
    expect(make('mail', 1, { delayMs: 7 })).to.have.property('delayMs', 7)
  })

  const circle: Record<string, unknown> = {}
  circle.self = circle
  for (const [told, name, payload, options] of [
    ['must be 1 to 64 letters', '', {}],
    ['must be 1 to 64 letters', 'a b', {}],
    ['must be 1 to 64 letters', `${LONGEST_NAME}x`, {}],
    ['got 7', 7, {}],
    ['no JSON form, got undefined', 'mail', undefined],
    ['no JSON form, got a function', 'mail', () => 1],
    ['no JSON form', 'mail', 10n],
    ['no JSON form', 'mail', circle],
    ['Write the content to a table of yours', 'mail', `${LARGEST}\u00fc`.slice(1)],
    ['delayMs must be at least 0', 'mail', {}, { delayMs: -1 }],
    ['no member "delay"', 'mail', {}, { delay: 1 }],
  ] as const) {
    it(`[OUT-10] ${told}: it is refused`, () => {
      expect(() => make(name, payload, options))
        .to.throw(/^ctx\.poe\.later\(\)/)
        .with.property('message')
        .that.includes(told)
    })
  }
})
