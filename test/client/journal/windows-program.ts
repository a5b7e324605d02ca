/** What a journal file goes through in one process, for a system on which no test runs. */
import { writeFileSync } from 'node:fs'
import { fileJournal } from 'post-once-exactly/client'
import { entryOf, idsIn } from './journal-process.js'

/** What the program has seen. */
export interface WindowsReport {
  readonly platform: string
  /** What is left of sixty after all but two were settled, by who settled and by another user. */
  readonly left: readonly (readonly string[])[]
  /** Whether the other user could take one, before and after the first one closed. */
  readonly taken: readonly boolean[]
}

const [, , path = '', reportPath = ''] = process.argv
const first = await fileJournal(path, { compactBytes: 4_096 })
const ids = Array.from({ length: 60 }, (_, at) => `order-${at}`)
for (const [at, id] of ids.entries()) {
  const hold = await first.begin(entryOf(id))
  if (at > 1) await hold.done()
}
const left = [await idsIn(first)]
const other = await fileJournal(path)
left.push(await idsIn(other))
const taken = [(await other.take('order-0')) !== null]
await first.close()
taken.push((await other.take('order-0')) !== null)
await other.close()
const report: WindowsReport = { platform: process.platform, left, taken }
// Wine gives a program no pipe to write to.
writeFileSync(reportPath, JSON.stringify(report))
