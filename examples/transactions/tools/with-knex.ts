/** Knex 3.3: `connectionPool` takes the pool. */
import knex, { type Knex } from 'knex'
import { fail, type OpenTool, undone } from './tool.js'

export const open: OpenTool = pool => {
  const db = knex({ client: 'pg', connectionPool: pool })
  const insert = (by: Knex, sku: string) => by('shop_orders').insert({ sku })
  return {
    insert: async sku => await insert(db, sku),
    transaction: (skus, last) =>
      db.transaction(async trx => {
        for (const sku of skus) await insert(trx, sku)
        last()
      }),
    nested: (kept, sku) =>
      db.transaction(async trx => {
        await insert(trx, kept)
        const inner = trx.transaction(async innermost => {
          await insert(innermost, sku)
          fail()
        })
        await inner.catch(undone)
      }),
    forget: sku => void insert(db, sku),
    isEager: false,
    close: () => db.destroy(),
  }
}
