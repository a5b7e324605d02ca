/** The outbox in a sqlite file: one of an earlier release gets it, whoever opens it. */
import Database from 'better-sqlite3'
import { expect } from 'chai'
import { sqliteStore } from '../../lib/stores/sqlite.js'
import { claimState, outcome } from './helpers/claims.js'
import { Files } from './helpers/sqlite-files.js'

describe('a sqlite file of an earlier release', () => {
  const files = new Files()
  after(() => files.remove())

  it('[OUT-01] gets an outbox when it is opened; its records stay', async () => {
    const file = files.fresh()
    const before = sqliteStore(file)
    await claimState(before, 'link', { owner: 'o' })
    await before.close()
    const db = new Database(file)
    db.exec('DROP TABLE poe_outbox')
    db.close()
    const store = sqliteStore(file)
    const transaction = store.transaction('link', 'o')
    await transaction.later?.({ key: 'm', name: 'mail', payload: '1', delayMs: 0 })
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    const query = { names: ['mail'], owner: 'w', leaseMs: 1_000, limit: 1 }
    expect((await store.outbox.take(query)).messages).to.have.lengthOf(1)
    await store.close()
  })
})
