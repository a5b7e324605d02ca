/**
 * Cuts a `POE-Links` value into its members. Runs in browsers too.
 *
 * A quote always opens or closes a member: a backslash escapes nothing. After quotes that do not
 * pair up it goes on at the next comma that is followed by a quote, so that no member is made of
 * the inside of a bad one.
 *
 * @see POE draft 3
 */

/** A member as cut out of the list; `end` is where its comma is, or the end of the text. */
export interface Member {
  readonly shape: 'empty' | 'quoted' | 'bare' | 'broken' | 'unterminated'
  readonly content: string
  readonly end: number
}

/**
 * Cuts out the member that begins at a place.
 *
 * @param text - the value
 * @param from - 0, or the place after the comma of the member before
 * @returns the member
 */
export function nextMember(text: string, from: number): Member {
  const start = afterSpace(text, from)
  if (start === text.length || text[start] === ',') {
    return { shape: 'empty', content: '', end: start }
  }
  return text[start] === '"' ? quotedMember(text, start) : bareMember(text, start)
}

function quotedMember(text: string, start: number): Member {
  const close = text.indexOf('"', start + 1)
  if (close === -1) {
    return { shape: 'unterminated', content: text.slice(start), end: text.length }
  }
  const end = afterSpace(text, close + 1)
  if (end < text.length && text[end] !== ',') return brokenMember(text, start)
  return { shape: 'quoted', content: text.slice(start + 1, close), end }
}

function bareMember(text: string, start: number): Member {
  const comma = text.indexOf(',', start)
  const end = comma === -1 ? text.length : comma
  const content = text.slice(start, beforeSpace(text, end))
  return content.includes('"') ? brokenMember(text, start) : { shape: 'bare', content, end }
}

/** Ends a member whose quotes are wrong at the first comma that a quote follows. */
function brokenMember(text: string, start: number): Member {
  let quote = text.indexOf('"', start + 1)
  while (quote !== -1) {
    const end = beforeSpace(text, quote) - 1
    if (text[end] === ',') return { shape: 'broken', content: text.slice(start, end), end }
    quote = text.indexOf('"', quote + 1)
  }
  return { shape: 'broken', content: text.slice(start), end: text.length }
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t') at += 1
  return at
}

function beforeSpace(text: string, from: number): number {
  let at = from
  while (text[at - 1] === ' ' || text[at - 1] === '\t') at -= 1
  return at
}
