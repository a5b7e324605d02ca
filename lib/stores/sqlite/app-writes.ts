/**
 * An app's own writes outside requests (its tables, its seeds), in the store's queue.
 */
import { storeError } from './driver.js'
import type { HandlerConnection } from './handler-connection.js'
import { giveConnection, refuseAsync, runGuarded, type Section } from './section.js'
import type { WriteQueue } from './write-queue.js'

/**
 * Runs a synchronous function in a transaction of its own and commits it.
 *
 * @param queue - whose turn is waited for
 * @param connection - where it runs
 * @param section - gets the connection; when it throws, nothing of it is kept
 * @returns what it gave, once that is durable
 */
export async function writeAlone<Result>(
  queue: WriteQueue,
  connection: HandlerConnection,
  section: Section<Result>,
): Promise<Result> {
  refuseAsync(section)
  return new Promise((resolve, reject) => {
    queue.takeTurn({
      begin: () => connection.begin(),
      hold: async () => {
        try {
          const { db } = connection
          const end = () => connection.rollBack()
          const result = runGuarded(connection, guard => giveConnection(db, section, guard), end)
          connection.commit()
          resolve(result)
        } catch (error) {
          connection.rollBack()
          reject(error)
        }
      },
      refuse: reason => reject(storeError('The write could not begin', reason)),
    })
  })
}
