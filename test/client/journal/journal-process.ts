/** Journals for tests: files in a folder of their own, and processes that use them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type FileJournalOptions,
  fileJournal,
  type Journal,
  type JournalEntry,
} from 'post-once-exactly/client'
import { strippedModule } from '../../support/stripped-tree.js'
import type { JournalReport, JournalTask } from './journal-program.js'

/** A user of the journal in a process of its own. */
export interface JournalProcess {
  readonly child: ChildProcess
  /** Tells it to do something, and waits for the answer. */
  tell(task: JournalTask): Promise<JournalReport>
  /** `kill -9`, and waits until it is dead. */
  kill(): Promise<void>
}

/** How a process is started. */
export interface StartOptions extends FileJournalOptions {
  /** The largest size that a file may get, in KiB; the system cuts off what goes beyond. */
  readonly mostKiB?: number
}

/** A folder with a journal; what is opened or started here ends with it. */
export class JournalFolder {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'poe-journal-'))
  readonly path: string = join(this.folder, 'orders.journal')
  readonly #journals: Journal[] = []
  readonly #processes: JournalProcess[] = []

  /** Opens the journal in this process. */
  async open(options: FileJournalOptions = {}, path = this.path): Promise<Journal> {
    const journal = await fileJournal(path, options)
    this.#journals.push(journal)
    return journal
  }

  /** Opens the journal in another process, and waits until that is done. */
  async start(options: StartOptions = {}): Promise<JournalProcess> {
    const process = this.spawn(options)
    await once(process.child, 'message')
    return process
  }

  /** Starts another process, which opens the journal when it can. */
  spawn({ mostKiB, ...options }: StartOptions = {}): JournalProcess {
    const program = strippedModule('test/client/journal/journal-program.ts')
    const node = [process.execPath, program, this.path, JSON.stringify(options)]
    // In a shell that ignores the signal, since the process itself is to see the error.
    const limited = `trap '' XFSZ; ulimit -f ${mostKiB}; exec "$@"`
    const [command = '', ...args] =
      mostKiB === undefined ? node : ['bash', '-c', limited, 'bash', ...node]
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const one: JournalProcess = {
      child,
      async tell(task) {
        const answered = once(child, 'message')
        child.send(task)
        const [report] = (await answered) as [JournalReport]
        return report
      },
      async kill() {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      },
    }
    this.#processes.push(one)
    return one
  }

  /** What is in the file. */
  text(): string {
    return readFileSync(this.path, 'utf8')
  }

  /** The paths of the owners' files. */
  owners(): string[] {
    const names = readdirSync(this.folder).filter(name => name.includes('.owner-'))
    return names.map(name => join(this.folder, name))
  }

  /** Ends everything. */
  async remove(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map(process => process.kill()))
    await Promise.all(this.#journals.splice(0).map(journal => journal.close()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** An entry that differs from others by its id only, unless told otherwise. */
export function entryOf(id: string, given: Partial<JournalEntry> = {}): JournalEntry {
  return {
    id,
    link: `https://shop.example/once/${id}`,
    isRepeatable: true,
    idempotencyKey: null,
    body: new TextEncoder().encode(`{"sku":"${id}"}`),
    headers: [['content-type', 'application/json']],
    createdAtMs: 1_700_000_000_000,
    expiresAtMs: 1_700_000_060_000,
    ...given,
  }
}

/** The ids of what is open in a journal. */
export async function idsIn(journal: Journal): Promise<readonly string[]> {
  return (await journal.list()).map(({ id }) => id)
}
