/**
 * Requests that stay with the origin that was asked: what was given for it, fields and content,
 * goes nowhere else, whatever redirects say.
 */
import { locationOf } from '../client/answer.js'
import type { Journal } from '../client/index.js'
import { Misuse } from './command.js'

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Where an answer redirects to, `null` where it does not. */
export function ledTo(answer: Response): URL | null {
  return REDIRECTS.has(answer.status) ? locationOf(answer, new URL(answer.url)) : null
}

/**
 * The entries of a journal that lead to one origin; it is as if there were no others.
 *
 * @param journal - all of them
 * @param origin - the one that fields were given for; `null` where none were given
 * @returns the journal itself where no field can go astray
 * @throws Misuse where fields were given and the journal leads to several origins
 */
export async function entriesOf(
  journal: Journal,
  { origin, isGiven }: { readonly origin: string | null; readonly isGiven: boolean },
): Promise<Journal> {
  if (origin === null && !isGiven) return journal
  const all = await journal.list()
  const origins = [...new Set(all.map(({ link }) => new URL(link).origin))]
  if (origin === null && origins.length > 1) {
    throw new Misuse(
      `The journal leads to ${origins.join(' and ')}: say with --origin to which of them the ` +
        'fields go. Nothing was sent.',
    )
  }
  const only = origin ?? origins[0]
  const list = async () => {
    const entries = await journal.list()
    return entries.filter(({ link }) => new URL(link).origin === only)
  }
  return {
    list,
    begin: entry => journal.begin(entry),
    take: id => journal.take(id),
    close: () => journal.close(),
  }
}
