/** Prisma 7: its adapter takes the pool. Its client is made by `prisma generate`. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/index.js'
import { fail, type OpenTool, undone } from './tool.js'

export const open: OpenTool = pool => {
  const db = new PrismaClient({ adapter: new PrismaPg(pool) })
  const insert = (by: Pick<PrismaClient, 'order'>, sku: string) =>
    by.order.create({ data: { sku } })
  return {
    insert: sku => insert(db, sku).then(),
    transaction: (skus, last) =>
      db.$transaction(async trx => {
        for (const sku of skus) await insert(trx, sku)
        last()
      }),
    // A transaction inside a transaction is one that joins: it is undone with the outer one only.
    async nested(kept, sku) {
      await insert(db, kept)
      const inner = db.$transaction(async trx => {
        await insert(trx, sku)
        fail()
      })
      await inner.catch(undone)
    },
    // Not `findUnique`: Prisma asks once for all handlers of the moment, in the transaction of one.
    has: async sku => (await db.order.findFirst({ where: { sku } })) !== null,
    forget: sku => void insert(db, sku),
    isEager: false,
    close: () => db.$disconnect(),
  }
}
