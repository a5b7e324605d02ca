/**
 * Whether a file holds a store, found out without making or changing anything.
 */
import { openConnection, storeError } from './driver.js'
import { hasTables } from './schema.js'

/**
 * Looks into a file that is there.
 *
 * @param file - its path
 * @throws PoeError where it is no database, or not to be read; Error where better-sqlite3 is not
 *   installed
 */
export function holdsStore(file: string): boolean {
  const db = openConnection(file, { fileMustExist: true })
  try {
    return hasTables(db)
  } catch (cause) {
    throw storeError('The file cannot be read', cause)
  } finally {
    db.close()
  }
}
