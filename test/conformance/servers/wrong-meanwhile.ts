/**
 * Faults of what comes and goes while a POST runs, as rows: each lets a second one run beside it.
 */
import type { IncomingMessage } from 'node:http'
import type { Answer } from './answers.js'
import type { Behaviour } from './behaviour.js'
import type { Link } from './link-book.js'
import type { MeantRow } from './wrong-ours.js'

/** All of them. */
export const MEANWHILE: readonly MeantRow[] = [
  [
    'looked-unlocked',
    'POE-2-15/others',
    'lets a second POST run once somebody has looked at the link of the first one',
    () => unlockedBy(({ method }) => method !== 'POST'),
  ],
  [
    'refused-unlocked',
    'POE-2-15/others',
    'lets a second POST run once one that cannot be read was refused at the link of the first one',
    () => unlockedBy(({ method }, { status }) => method === 'POST' && status === 400),
  ],
  [
    'waiter-left-unlocked',
    'POE-2-15/others',
    'lets a POST run once one that waited for another has left',
    () => leftUnlocked(isFirst => !isFirst),
  ],
  [
    'left-unlocked',
    'POE-2-22/given-up',
    'lets a second POST run once the client of the first one has left',
    () => leftUnlocked(isFirst => isFirst),
  ],
]

/** A request of this kind takes the lock off at its end. */
function unlockedBy(
  isKey: (request: IncomingMessage, answer: Answer) => boolean,
): Partial<Behaviour> {
  const unlocked = new WeakSet<Link>()
  return {
    whenRunning: ({ link }) => (unlocked.has(link) ? 'run' : 'wait'),
    amends: (answer, { request, link, state }) => {
      if (link !== null && state === 'running' && isKey(request, answer)) unlocked.add(link)
      return answer
    },
  }
}

/** A connection that ends before its answer takes the lock off: the first one's, or another's. */
function leftUnlocked(isTheirs: (isFirst: boolean) => boolean): Partial<Behaviour> {
  const [begun, left] = [new Set<string>(), new Set<string>()]
  const answered = new WeakSet<IncomingMessage>()
  return {
    refusesUnseen: request => {
      const { method, url = '', socket } = request
      if (method !== 'POST') return null
      const isFirst = !begun.has(url)
      begun.add(url)
      socket.once('close', () => {
        if (!answered.has(request) && isTheirs(isFirst)) left.add(url)
      })
      return null
    },
    whenRunning: ({ request: { url = '' } }) => (left.has(url) ? 'run' : 'wait'),
    amends: (answer, { request }) => {
      answered.add(request)
      return answer
    },
  }
}
