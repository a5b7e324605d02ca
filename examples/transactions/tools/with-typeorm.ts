/** TypeORM: it makes its own pool of the driver's class, which here gives the one that there is. */
import pg from 'pg'
import { DataSource, type EntityManager, EntitySchema } from 'typeorm'
import { fail, type OpenTool, undone } from './tool.js'

const Order = new EntitySchema<{ id: number; sku: string }>({
  name: 'Order',
  tableName: 'shop_orders',
  columns: { id: { type: Number, primary: true, generated: true }, sku: { type: String } },
})

export const open: OpenTool = async pool => {
  // biome-ignore lint/complexity/useArrowFunction: TypeORM calls it with `new`
  const Pool = function () {
    return pool
  }
  const db = new DataSource({ type: 'postgres', driver: { ...pg, Pool }, entities: [Order] })
  await db.initialize()
  const insert = (by: EntityManager, sku: string) => by.getRepository(Order).save({ sku })
  return {
    insert: sku => insert(db.manager, sku),
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
    forget: sku => void insert(db.manager, sku),
    isEager: true,
    // `db.destroy()` would end the pool, which is the application's.
    close: async () => {},
  }
}
