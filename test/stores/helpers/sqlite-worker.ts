/**
 * Another process on a database file. Forked with the file's path; does one thing that it is told.
 */
import Database from 'better-sqlite3'
import { sqliteStore } from '../../../lib/stores/sqlite.js'
import { claimState, outcome } from './claims.js'

/** What a worker can be told to do. */
export type WorkerTask =
  | { readonly do: 'open' }
  | { readonly do: 'hold'; readonly ms: number }
  | { readonly do: 'claim'; readonly keys: readonly string[]; readonly owner: string }
  | { readonly do: 'work'; readonly name: string }
  | { readonly do: 'hang-in-transaction'; readonly key: string }

/** What a worker tells. */
export interface WorkerReport {
  readonly say: string
  readonly error?: string
  readonly epoch?: string
  readonly claimed?: readonly string[]
  readonly key?: string
}

const file = process.argv[2] ?? ''

process.on('message', (task: WorkerTask) => {
  perform(task).catch((error: unknown) => {
    tell({ say: 'failed', error: String(error) })
  })
})
tell({ say: 'up' })

async function perform(task: WorkerTask): Promise<void> {
  if (task.do === 'hold') return hold(task.ms)
  const store = sqliteStore(file)
  const [epoch = ''] = (await store.epoch()).epochs
  if (task.do === 'open') return tell({ say: 'opened', epoch })
  if (task.do === 'claim') {
    const states = await Promise.all(
      task.keys.map(key => claimState(store, key, { owner: task.owner })),
    )
    return tell({ say: 'claimed', claimed: task.keys.filter((_, at) => states[at] === 'claimed') })
  }
  if (task.do === 'hang-in-transaction') {
    await claimState(store, task.key, { owner: 'hanging', onSilence: 'free', leaseMs: 200 })
    await store.transaction(task.key, 'hanging').handle.run("INSERT INTO effect VALUES ('hung')")
    return tell({ say: 'hanging' })
  }
  for (let round = 0; ; round += 1) {
    await Promise.all([0, 1, 2, 3].map(lane => spend(`${task.name}-${round}-${lane}`)))
  }

  async function spend(key: string): Promise<void> {
    await claimState(store, key, { owner: key })
    await store.transaction(key, key).commit(outcome(key))
    tell({ say: 'spent', key })
  }
}

function hold(ms: number): void {
  const db = new Database(file)
  db.exec('BEGIN IMMEDIATE')
  tell({ say: 'held' })
  setTimeout(() => {
    db.exec('COMMIT')
    db.close()
  }, ms)
}

function tell(report: WorkerReport): void {
  process.send?.(report)
}
