/** MikroORM 6: the Knex under it gets its connections from the pool. */
import { type EntityManager, EntitySchema, MikroORM } from '@mikro-orm/postgresql'
import { fail, type OpenTool, undone } from './tool.js'

const Order = new EntitySchema<{ id: number; sku: string }>({
  name: 'Order',
  tableName: 'shop_orders',
  properties: { id: { type: 'number', primary: true }, sku: { type: 'string' } },
})

export const open: OpenTool = async pool => {
  const orm = await MikroORM.init({ entities: [Order], dbName: 'pool', connect: false })
  Object.assign(orm.em.getConnection().getKnex().client, {
    acquireConnection: () => pool.connect(),
    releaseConnection: async (connection: { release(): void }) => connection.release(),
  })
  const insert = (by: EntityManager, sku: string) => {
    by.create(Order, { sku } as never, { persist: true })
    return by.flush()
  }
  return {
    insert: sku => insert(orm.em.fork(), sku),
    transaction: (skus, last) =>
      orm.em.fork().transactional(async em => {
        for (const sku of skus) await insert(em, sku)
        last()
      }),
    nested: (kept, sku) =>
      orm.em.fork().transactional(async em => {
        await insert(em, kept)
        const inner = em.transactional(async innermost => {
          await insert(innermost, sku)
          fail()
        })
        await inner.catch(undone)
      }),
    forget: sku => void insert(orm.em.fork(), sku),
    isEager: true,
    close: () => orm.close(true),
  }
}
