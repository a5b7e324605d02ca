/**
 * Servers with action resources and one fault each, and the checks that catch it: these and no
 * others.
 */
import { type Action, type ActionBehaviour, RIGHT_ACTIONS } from './action-server.js'
import type { DoorFault } from './key-faults.js'
import { type Asked, refused, type Told, told } from './plain.js'

type Row = readonly [
  name: string,
  says: string,
  behaviour: Partial<ActionBehaviour>,
  caughtBy: readonly string[],
]

const DONE = { status: 204, fields: {}, text: '' }

/** Says something else of some ids that are not there. */
function unknown(
  says: (...asked: Parameters<ActionBehaviour['whenUnknown']>) => Told | null,
): Partial<ActionBehaviour> {
  return { whenUnknown: (id, asked) => says(id, asked) ?? RIGHT_ACTIONS.whenUnknown(id, asked) }
}

function told400(isSo: (id: string) => boolean, by: 'PUT' | 'DELETE'): Partial<ActionBehaviour> {
  return unknown((id, { method }) => (isSo(id) && method === by ? refused(400, 'No') : null))
}

function isNear(one: string, other: string): boolean {
  const different = [...one].filter((letter, at) => letter !== other[at]).length
  return one.length === other.length && different === 1
}

/** Who has left has no lock any more. */
function leftUnlocked(): Partial<ActionBehaviour> {
  const firsts = new WeakMap<Action, Asked>()
  return {
    mayUse: (action, asked) => {
      if (asked.method === 'PUT' && !firsts.has(action)) firsts.set(action, asked)
      return RIGHT_ACTIONS.mayUse(action, asked)
    },
    again: (action, asked) => {
      const isLeft = action.state === 'running' && firsts.get(action)?.isGone() === true
      return isLeft ? 'run' : RIGHT_ACTIONS.again(action, asked)
    },
  }
}

/** What was done before five others is not kept. */
function ordersLongAgo(): Partial<ActionBehaviour> {
  const done = new Set<Action>()
  return {
    ordersToo: action => {
      const isOld = action.state === 'done' && [...done].indexOf(action) < done.size - 5
      done.add(action)
      return isOld
    },
  }
}

const ROWS: readonly Row[] = [
  [
    'runs-always',
    'does every PUT',
    { again: () => 'run' },
    [
      'ACT-01/effects',
      'ACT-01/lost-answer',
      'ACT-01/other-content',
      'ACT-01/other-told',
      'ACT-01/repeat',
      'ACT-05/too-late',
    ],
  ],
  ['race', 'looks first and keeps then', { claimPauseMs: 20 }, ['ACT-01/race']],
  [
    'forgets',
    'takes what was done for open after a restart',
    { remembers: false },
    ['ACT-01/restart'],
  ],
  [
    'other-bytes',
    'makes the content of a repeat anew',
    { replays: answer => ({ ...answer, text: `${answer.text} ` }) },
    ['ACT-01/repeat'],
  ],
  [
    'repeat-200',
    'says 200 of a repeat',
    { replays: answer => ({ ...answer, status: 200 }) },
    ['ACT-01/repeat'],
  ],
  [
    'other-replayed',
    'replays also for other content',
    { again: () => 'replay' },
    ['ACT-01/other-content', 'ACT-01/other-told'],
  ],
  [
    'other-runs',
    'does other content, too',
    { again: ({ content }, { text }) => (content === text ? 'replay' : 'run') },
    ['ACT-01/other-content', 'ACT-01/other-told'],
  ],
  [
    'other-400',
    'says 400 of other content',
    { whenOther: () => refused(400, 'No') },
    ['ACT-01/other-told'],
  ],
  [
    'adopts',
    'does what was never issued',
    { adopts: id => id !== '' },
    ['ACT-01/changed', 'ACT-01/spelt', 'ACT-01/unissued', 'ACT-05/unissued'],
  ],
  [
    'adopts-empty',
    'takes an empty text for an id',
    { adopts: id => id === '' },
    ['ACT-03/delete', 'ACT-03/put'],
  ],
  [
    'unknown-400',
    'says 400 of an id that was never issued',
    {
      whenUnknown: () => refused(400, 'No'),
    },
    ['ACT-01/unissued', 'ACT-03/delete', 'ACT-03/put'],
  ],
  [
    'issued-200',
    'says 200 of a new resource',
    {
      issued: id => told(200, { id }, { Location: `/actions/${id}` }),
    },
    ['ACT-01/issued'],
  ],
  [
    'made-orders',
    'orders when a resource is made',
    { orders: 'made' },
    [
      'ACT-01/changed',
      'ACT-01/cut-off',
      'ACT-01/effects',
      'ACT-01/first',
      'ACT-01/invalid',
      'ACT-01/lost-answer',
      'ACT-01/other-content',
      'ACT-01/other-user',
      'ACT-01/unissued',
      'ACT-01/unused',
      'ACT-03/put',
      'ACT-05/again',
      'ACT-05/put-after',
      'ACT-05/too-late',
    ],
  ],
  [
    'read-orders',
    'orders when a resource is read',
    { orders: 'GET' },
    ['ACT-01/first', 'ACT-01/unused'],
  ],
  [
    'same-id',
    'hands out one id again and again when it is asked too often',
    { newId: unused => (unused > 8 ? 'busy-0001' : RIGHT_ACTIONS.newId(unused)) },
    ['ACT-01/distinct'],
  ],
  [
    'any-user',
    'lets anybody use what was made for another one',
    { mayUse: () => true },
    ['ACT-01/other-user'],
  ],
  ['refusal-burns', 'takes a refused PUT for done', { keeps: () => true }, ['ACT-01/invalid']],
  [
    'claims-early',
    'keeps a resource for a request that never comes',
    { claimsEarly: true },
    ['ACT-01/cut-off'],
  ],
  [
    'off-runs',
    'does what was called off',
    { whenOff: () => 'run' },
    ['ACT-05/put-after', 'ACT-05/told'],
  ],
  [
    'off-404',
    'says 404 of what was called off',
    { whenOff: () => refused(404, 'No') },
    ['ACT-05/told'],
  ],
  [
    'off-204',
    'says 204 of what was called off, and does nothing',
    { whenOff: () => DONE },
    ['ACT-05/put-after', 'ACT-05/told'],
  ],
  [
    'delete-reopens',
    'opens again what is deleted',
    {
      deletes: action => {
        const isOpen = action.state === 'open'
        action.state = isOpen ? 'off' : 'open'
        return DONE
      },
    },
    ['ACT-05/too-late'],
  ],
  [
    'delete-500',
    'fails at the second DELETE',
    {
      deletes: action => {
        if (action.state === 'off') throw new Error('no rows')
        return RIGHT_ACTIONS.deletes(action)
      },
    },
    ['ACT-05/again'],
  ],
  [
    'unknown-204',
    'says 204 of everything that is not there',
    { whenUnknown: () => DONE },
    ['ACT-01/changed', 'ACT-01/unissued', 'ACT-03/delete', 'ACT-03/put', 'ACT-05/unissued'],
  ],
  ['head-orders', 'orders when a HEAD comes', { orders: 'HEAD' }, ['ACT-01/unused']],
  [
    'read-twice',
    'orders twice what was read before',
    { ordersToo: ({ state, isRead }) => state === 'open' && isRead },
    ['ACT-01/first'],
  ],
  [
    'second-repeat-200',
    'says 200 of the second repeat',
    { replays: (answer, { repeats }) => (repeats === 2 ? { ...answer, status: 200 } : answer) },
    ['ACT-01/repeat'],
  ],
  [
    'third-repeat-orders',
    'orders once more at the third repeat, and replays',
    { ordersToo: ({ state, repeats }) => state === 'done' && repeats === 2 },
    ['ACT-01/effects'],
  ],
  [
    'gone',
    'forgets what a client that left has done, and keeps the order',
    { runPauseMs: 100, keeps: ({ status }, asked) => status < 400 && !asked.isGone() },
    ['ACT-01/lost-answer'],
  ],
  [
    'other-orders',
    'orders other content that it refuses',
    { ordersToo: ({ state, content }, { text }) => state === 'done' && content !== text },
    ['ACT-01/other-content'],
  ],
  [
    'unknown-put-400',
    'says 400 of a PUT to what was never issued',
    told400(id => id !== '', 'PUT'),
    ['ACT-01/unissued'],
  ],
  [
    'empty-put-400',
    'says 400 of a PUT with an empty id',
    told400(id => id === '', 'PUT'),
    ['ACT-03/put'],
  ],
  [
    'empty-delete-400',
    'says 400 of a DELETE with an empty id',
    told400(id => id === '', 'DELETE'),
    ['ACT-03/delete'],
  ],
  [
    'unknown-delete-204',
    'says 204 of a DELETE of what was never issued',
    unknown((id, { method }) => (id !== '' && method === 'DELETE' ? DONE : null)),
    ['ACT-05/unissued'],
  ],
  [
    'misspelt',
    'takes an id with one wrong character for the right one',
    { adopts: (id, issued) => issued.some(one => isNear(one, id)) },
    ['ACT-01/changed'],
  ],
  [
    'spelt',
    'finds an action in any case of its letters, and keeps what was done by the path',
    { adopts: (id, issued) => id !== id.toLowerCase() && issued.includes(id.toLowerCase()) },
    ['ACT-01/spelt'],
  ],
  [
    'forgets-soon',
    'orders once more after five others, and says the same',
    ordersLongAgo(),
    ['ACT-01/later'],
  ],
  [
    'off-orders',
    'orders what was called off, and says that it does not',
    { ordersToo: ({ state }) => state === 'off' },
    ['ACT-05/put-after'],
  ],
  [
    'left-unlocked',
    'does it once more when the client of the first PUT has left',
    leftUnlocked(),
    ['ACT-01/given-up'],
  ],
]

/** All of them. */
export const ACTION_FAULTS: readonly DoorFault<ActionBehaviour>[] = ROWS.map(
  ([name, says, behaviour, caughtBy]) => ({ name, says, behaviour, caughtBy }),
)
