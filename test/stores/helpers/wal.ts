/**
 * Reads a write-ahead log, to count what was committed.
 */
import { readFileSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/**
 * Counts the commits in a log: the frames that carry the database's size.
 *
 * @param file - of the database; it must not have been checkpointed meanwhile
 */
export function commitsIn(file: string): number {
  const log = readFileSync(`${file}-wal`)
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(8)
  const salt = log.subarray(16, 24)
  let commits = 0
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    // Frames of an earlier round of the log have another salt.
    if (!log.subarray(at + 8, at + 16).equals(salt)) break
    if (log.readUInt32BE(at + 4) > 0) commits += 1
  }
  return commits
}
