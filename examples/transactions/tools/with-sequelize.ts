/** Sequelize 6: its connections come from the pool, and go back there. */
import pg from 'pg'
import { DataTypes, Sequelize, type Transaction } from 'sequelize'
import { fail, type OpenTool, undone } from './tool.js'

export const open: OpenTool = pool => {
  const db = new Sequelize({ dialect: 'postgres', dialectModule: pg, logging: false })
  Object.assign(Reflect.get(db, 'connectionManager'), {
    getConnection: () => pool.connect(),
    releaseConnection: (client: pg.PoolClient) => client.release(),
  })
  const Order = db.define(
    'Order',
    { sku: DataTypes.TEXT },
    { tableName: 'shop_orders', timestamps: false },
  )
  const insert = (sku: string, transaction?: Transaction) =>
    Order.create({ sku }, transaction === undefined ? {} : { transaction })
  return {
    insert: sku => insert(sku),
    transaction: (skus, last) =>
      db.transaction(async trx => {
        for (const sku of skus) await insert(sku, trx)
        last()
      }),
    nested: (kept, sku) =>
      db.transaction(async trx => {
        await insert(kept, trx)
        const inner = db.transaction({ transaction: trx }, async innermost => {
          await insert(sku, innermost)
          fail()
        })
        await inner.catch(undone)
      }),
    forget: sku => void insert(sku),
    isEager: true,
    close: () => db.close(),
  }
}
