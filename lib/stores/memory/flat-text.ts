/**
 * Copies of text that hold nothing else alive. Text that was put together is a tree of its parts,
 * and text that was cut out keeps what it was cut from (a whole URL); each would weigh more than
 * the text, for as long as the record is kept.
 */

const LONGEST = 1_024
const room = Buffer.allocUnsafeSlow(LONGEST)

/**
 * Copies a text.
 *
 * @returns the same text, in one piece; the text itself where it is long
 */
export function flatCopy(text: string): string {
  if (text.length > LONGEST) return text
  const copy = room.toString('latin1', 0, room.write(text, 'latin1'))
  // Characters beyond Latin-1 are not kept by it.
  return copy === text ? copy : Buffer.from(text, 'utf16le').toString('utf16le')
}
