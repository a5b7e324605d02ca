/** Preconditions: how they are read, and when they hold. */
import { expect } from 'chai'
import fc from 'fast-check'
import {
  failedPrecondition,
  type PreconditionFields,
  readPreconditions,
  readTag,
  TAGS_LIMIT,
  type Validators,
} from '../../../lib/protocols/conditional-post/preconditions.js'

const NONE: PreconditionFields = { ifMatch: null, ifNoneMatch: null, ifUnmodifiedSince: null }
const CURRENT: Validators = { etag: '"v1"', modifiedMs: Date.parse('2026-10-21T12:00:00.500Z') }
const EARLIER = 'Wed, 21 Oct 2026 11:59:59 GMT'
const SAME = 'Wed, 21 Oct 2026 12:00:00 GMT'
/** The longest list that is read. */
const LIMIT_CHARS = 8_192

function judged(fields: Partial<PreconditionFields>, current: Validators | null): string | null {
  const read = readPreconditions({ ...NONE, ...fields })
  return read.kind === 'given' ? failedPrecondition(read, current) : read.kind
}

describe('preconditions', () => {
  const table: readonly (readonly [
    Partial<PreconditionFields>,
    Validators | null,
    string | null,
  ])[] = [
    [{}, CURRENT, 'none'],
    [{ ifMatch: '"v1"' }, CURRENT, null],
    [{ ifMatch: 'W/"v1"' }, CURRENT, 'If-Match'],
    [{ ifMatch: '"v0", "v1"' }, CURRENT, null],
    [{ ifMatch: '"v0", ,"v1",' }, CURRENT, null],
    [{ ifMatch: '"v0"' }, CURRENT, 'If-Match'],
    [{ ifMatch: '*' }, CURRENT, null],
    [{ ifMatch: ' * ' }, CURRENT, null],
    [{ ifMatch: '*' }, null, 'If-Match'],
    [{ ifMatch: '"v1"' }, null, 'If-Match'],
    [{ ifMatch: '"v1"' }, { etag: 'W/"v1"', modifiedMs: null }, 'If-Match'],
    [{ ifMatch: '"v1"' }, { etag: null, modifiedMs: null }, 'If-Match'],
    [{ ifMatch: '"v1"' }, { etag: 'v1', modifiedMs: null }, 'If-Match'],
    [{ ifMatch: '"a,v1"' }, { etag: '"a,v1"', modifiedMs: null }, null],
    [{ ifMatch: '"a", "v1"' }, { etag: '"a,v1"', modifiedMs: null }, 'If-Match'],
    [{ ifMatch: '""' }, { etag: '""', modifiedMs: null }, null],
    [{ ifNoneMatch: '*' }, CURRENT, 'If-None-Match'],
    [{ ifNoneMatch: '*' }, null, null],
    [{ ifNoneMatch: 'W/"v1"' }, CURRENT, 'If-None-Match'],
    [{ ifNoneMatch: '"v1"' }, { etag: 'W/"v1"', modifiedMs: null }, 'If-None-Match'],
    [{ ifNoneMatch: '"v0"' }, CURRENT, null],
    [{ ifUnmodifiedSince: SAME }, CURRENT, null],
    [{ ifUnmodifiedSince: EARLIER }, CURRENT, 'If-Unmodified-Since'],
    [{ ifUnmodifiedSince: EARLIER }, { etag: null, modifiedMs: null }, null],
    [{ ifUnmodifiedSince: SAME }, null, 'If-Unmodified-Since'],
    [{ ifUnmodifiedSince: 'yesterday' }, CURRENT, 'malformed'],
    [{ ifMatch: '"v1"', ifUnmodifiedSince: 'yesterday' }, CURRENT, null],
    [{ ifMatch: '"v1"', ifUnmodifiedSince: EARLIER }, CURRENT, null],
    [{ ifMatch: '"v1"', ifNoneMatch: '*' }, CURRENT, 'If-None-Match'],
    [{ ifMatch: '"v0"', ifNoneMatch: '*' }, CURRENT, 'If-Match'],
    [{ ifUnmodifiedSince: SAME, ifNoneMatch: '"v1"' }, CURRENT, 'If-None-Match'],
    [{ ifMatch: 'v1' }, CURRENT, 'malformed'],
    [{ ifMatch: '' }, CURRENT, 'If-Match'],
    [{ ifMatch: ',' }, CURRENT, 'If-Match'],
    [{ ifNoneMatch: '' }, CURRENT, 'malformed'],
    [{ ifNoneMatch: ' , ' }, CURRENT, 'malformed'],
    [{ ifMatch: '*, "v1"' }, CURRENT, 'malformed'],
    [{ ifMatch: '"v1" "v2"' }, CURRENT, 'malformed'],
    [{ ifMatch: 'w/"v1"' }, CURRENT, 'malformed'],
    [{ ifMatch: '"v 1"' }, CURRENT, 'malformed'],
    [{ ifNoneMatch: '"v1' }, CURRENT, 'malformed'],
    [{ ifMatch: `"${'x'.repeat(LIMIT_CHARS - 2)}"` }, CURRENT, 'If-Match'],
    [{ ifMatch: `"${'x'.repeat(LIMIT_CHARS - 1)}"` }, CURRENT, 'malformed'],
    [{ ifMatch: '"x",'.repeat(TAGS_LIMIT + 1) }, CURRENT, 'malformed'],
  ]
  for (const [fields, current, expected] of table) {
    const title = JSON.stringify(fields).slice(0, 80)
    it(`[H-412-1, COND-01] ${title} at ${current?.etag ?? 'nothing'}: ${expected}`, () => {
      expect(judged(fields, current)).to.equal(expected)
    })
  }

  it('a malformed field is named', () => {
    const named = (fields: Partial<PreconditionFields>) => readPreconditions({ ...NONE, ...fields })
    expect(named({ ifMatch: 'x' })).to.include({ field: 'If-Match' })
    expect(named({ ifNoneMatch: 'x' })).to.include({ field: 'If-None-Match' })
  })

  it('an application’s tag is one tag', () => {
    expect(readTag('W/"a"')).to.deep.equal({ isWeak: true, opaque: '"a"' })
    for (const text of ['*', 'a', '"a", "b"', '']) expect(readTag(text), text).to.equal(null)
  })

  it('no text makes it throw, and a list that holds the tag always matches', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        readPreconditions({ ifMatch: text, ifNoneMatch: text, ifUnmodifiedSince: text })
        return true
      }),
    )
    const tag = fc.stringMatching(/^"[!#-~]{0,8}"$/)
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 20 }), tag, (others, own) => {
        const ifMatch = [...others, own].join(', ')
        expect(judged({ ifMatch }, { etag: own, modifiedMs: null })).to.equal(null)
      }),
    )
  })
})
