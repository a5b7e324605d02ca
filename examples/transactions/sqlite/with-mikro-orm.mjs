/** MikroORM on sqlite: its unit of work in a transaction of Knex, which is a savepoint here. */
import { EntitySchema, MikroORM } from '@mikro-orm/better-sqlite'

const Order = new EntitySchema({
  name: 'Order',
  tableName: 'shop_orders',
  properties: { id: { type: 'number', primary: true }, sku: { type: 'string' } },
})

const orm = await MikroORM.init({ entities: [Order], dbName: ':memory:' })

const inTransaction = async (tx, work) => {
  const connection = await tx.connection()
  const knex = orm.em.getKnex()
  return await knex.transaction(trx => orm.em.fork().transactional(work, { ctx: trx }), {
    connection,
  })
}

/** @type {import('./tool.js').Write} */
export const write = (tx, sku) =>
  inTransaction(tx, async em => {
    const order = em.create('Order', { sku })
    await em.flush()
    return order.id
  })

/** @type {import('./tool.js').Nest} */
export const nest = (tx, work) =>
  inTransaction(tx, async em => {
    await work(async sku => {
      em.create('Order', { sku })
      await em.flush()
    })
  })

/** Lets go of what MikroORM itself holds open. */
export const close = () => orm.close()
