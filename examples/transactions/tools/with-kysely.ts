/** Kysely: its `PostgresDialect` takes the pool. */
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import { fail, type OpenTool, undone } from './tool.js'

interface Database {
  readonly shop_orders: { readonly id: Generated<number>; readonly sku: string }
}

export const open: OpenTool = pool => {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  const insert = (by: Kysely<Database>, sku: string) =>
    by.insertInto('shop_orders').values({ sku }).execute()
  return {
    insert: sku => insert(db, sku),
    transaction: (skus, last) =>
      db.transaction().execute(async trx => {
        for (const sku of skus) await insert(trx, sku)
        last()
      }),
    async nested(kept, sku) {
      const trx = await db.startTransaction().execute()
      await insert(trx, kept)
      const inner = await trx.savepoint('inner').execute()
      await insert(inner, sku)
      await inner.rollbackToSavepoint('inner').execute()
      await trx.commit().execute()
      await db
        .transaction()
        .execute(async () => fail())
        .catch(undone)
    },
    forget: sku => void insert(db, sku),
    isEager: true,
    // The pool is the application's to end.
    close: async () => {},
  }
}
