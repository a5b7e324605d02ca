/**
 * A user of a journal file in a process of its own. Its arguments are the path and
 * `FileJournalOptions` as JSON; it obeys messages, one after the other, and answers each.
 */
import { type FileJournalOptions, fileJournal, type JournalHold } from 'post-once-exactly/client'

/** What the program can be told to do. */
export type JournalTask =
  | { readonly do: 'begin'; readonly ids: readonly string[]; readonly bodyBytes?: number }
  | { readonly do: 'take' | 'done' | 'leave'; readonly id: string }
  | { readonly do: 'list' | 'close' }

/** What it answers: the ids that were begun, taken, listed or settled. */
export interface JournalReport {
  readonly ids: readonly string[]
  /** Of a `ClientError`, where it came to one. */
  readonly code?: string
}

const [, , path = '', options = '{}'] = process.argv
const journal = await fileJournal(path, JSON.parse(options) as FileJournalOptions)
const holds = new Map<string, JournalHold>()

async function obey(task: JournalTask): Promise<readonly string[]> {
  switch (task.do) {
    case 'begin': {
      const body = new Uint8Array(task.bodyBytes ?? 2).fill(120)
      await Promise.all(task.ids.map(id => begin(id, body)))
      return task.ids
    }
    case 'take': {
      const hold = await journal.take(task.id)
      if (hold === null) return []
      holds.set(task.id, hold)
      return [task.id]
    }
    case 'done':
    case 'leave':
      await holds.get(task.id)?.[task.do]()
      return [task.id]
    case 'list':
      return (await journal.list()).map(({ id }) => id)
    case 'close':
      await journal.close()
      return []
  }
}

async function begin(id: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const hold = await journal.begin({
    id,
    link: `https://shop.example/once/${id}`,
    isRepeatable: true,
    idempotencyKey: null,
    body,
    headers: [['content-type', 'text/plain']],
    createdAtMs: 1,
    expiresAtMs: null,
  })
  holds.set(id, hold)
}

async function answer(task: JournalTask): Promise<void> {
  const report = await obey(task).then(
    ids => ({ ids }),
    error => ({ ids: [], code: String(error.code) }),
  )
  process.send?.(report)
  if (task.do === 'close') process.disconnect()
}

let turn = Promise.resolve()
process.on('message', message => {
  turn = turn.then(() => answer(message as JournalTask))
})
process.send?.({ ids: [] })
