/**
 * The journal that `--journal` names.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { fileJournal, type Journal } from '../client/index.js'
import { Misuse } from './command.js'

/** What every journal begins with. */
const HEAD = '\n{"kind":"'
/** A pipe without a writer would be waited for, for ever. */
const TO_LOOK = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/**
 * Opens a journal, or makes it.
 *
 * @param path - absolute
 * @throws Misuse for what is no journal, or cannot be one
 */
export async function openJournal(path: string): Promise<Journal> {
  await journalExists(path)
  try {
    return await fileJournal(path)
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error))
  }
}

/**
 * Whether there is a journal. A file of another kind is never written to.
 *
 * @param path - absolute
 * @throws Misuse for what is no journal
 */
export async function journalExists(path: string): Promise<boolean> {
  const head = await readHead(path)
  if (head === null) return false
  if (HEAD.startsWith(head) || head.startsWith(HEAD)) return true
  throw new Misuse(`--journal ${path} is a file of another kind. Name one that poe has made.`)
}

async function readHead(path: string): Promise<string | null> {
  try {
    const file = await open(path, TO_LOOK)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD.length), 0, HEAD.length, 0)
      return buffer.toString('latin1', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    const why = error instanceof Error ? error.message : String(error)
    throw new Misuse(`The journal cannot be read: ${why}`)
  }
}
