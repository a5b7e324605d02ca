/**
 * The sqlite store keeps the store contract.
 */
import { storeContract } from '../../lib/testing/store-contract.js'
import { Files, sqliteContract } from './helpers/sqlite-files.js'

describe('sqliteStore', () => {
  const files = new Files()
  after(() => files.remove())

  describe('keeps the store contract', () => {
    for (const { title, run } of storeContract(sqliteContract(files))) it(title, run)
  })
})
