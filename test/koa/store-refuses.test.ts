/** The store refuses a handler that is at work: nothing was done, and its client may try again. */
import { expect } from 'chai'
import pg from 'pg'
import { PostgresStores } from '../stores/helpers/postgres-stores.js'
import { expectProblem } from '../support/answers.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { startWorld } from '../support/world.js'

describeWith(['postgres', 'initdb'], 'the store refuses a handler that is at work', () => {
  const role = `refused_${process.pid}`
  let admin: pg.Pool
  let stores: PostgresStores
  before(async () => {
    const { url } = await sharedPostgres()
    admin = new pg.Pool({ connectionString: url, max: 1 })
    await admin.query(`CREATE ROLE ${role} LOGIN SUPERUSER`)
    const ofRole = new URL(url)
    ofRole.username = role
    stores = new PostgresStores(ofRole.href)
  })
  beforeEach(() => admin.query(`ALTER ROLE ${role} LOGIN`))
  after(async () => {
    await admin.query(`ALTER ROLE ${role} LOGIN`)
    await stores.end()
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await admin.end()
  })

  /** As where a password is changed: who is there stays until its connection ends. */
  async function shutOut(): Promise<void> {
    await admin.query(`ALTER ROLE ${role} NOLOGIN`)
    const those = `FROM pg_stat_activity WHERE usename = '${role}'`
    await admin.query(`SELECT pg_terminate_backend(pid, 5000) ${those}`)
  }

  for (const resource of [{ transactional: true }, { marks: true }]) {
    it(`[FALSE-4672] as it lets its role in no more: ${Object.keys(resource)}`, async () => {
      const store = await stores.fresh()
      const world = await startWorld(
        { store: 'postgres', koa: 3, at: 'root' },
        {
          resource,
          wrapStore: () => store,
          handler: async (ctx, here) => {
            await shutOut()
            if (resource.marks) await ctx.poe.pointOfNoReturn()
            else await Reflect.apply(ctx.poe.later, ctx.poe, ['mail', {}])
            here.effects.push('order')
            ctx.status = 201
          },
        },
      )
      const refused = await world.send('POST', await world.link(), { json: {} })
      expect(refused.headers.get('Retry-After')).to.equal('1')
      await expectProblem(refused, 503, 'store-down')
      expect(world.effects).to.deep.equal([])
      await world.close()
    })
  }
})
