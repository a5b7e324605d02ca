/**
 * Pages that are changed only as they were seen, and people who are entered only where a search
 * finds nobody. Check and change are one transaction.
 */
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { poe } from 'post-once-exactly/koa'
import type { SqliteStore, SqliteTransaction } from 'post-once-exactly/stores/sqlite'

const TABLES = `
  CREATE TABLE IF NOT EXISTS page (name TEXT PRIMARY KEY, text TEXT, version INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS person (id INTEGER PRIMARY KEY, email TEXT) STRICT;
`
const SAVE = `
  INSERT INTO page (name, text, version) VALUES (?, ?, 1)
  ON CONFLICT (name) DO UPDATE SET text = excluded.text, version = version + 1
  RETURNING version`

/** Makes the application. */
export async function createApp(store: SqliteStore): Promise<Koa> {
  await store.write(db => db.exec(TABLES))
  const once = poe({ store, principal: ctx => ctx.get('X-User') || 'guest' })
  const router = new Router()
  const outside = reader(store)

  const asSeen = once.conditional({
    name: 'page',
    required: true,
    transactional: true,
    validator: async (ctx, tx) => {
      const page = await (tx ?? outside).get<Page>(FIND_PAGE, ctx.params.name)
      return page === undefined ? null : { etag: `"${page.version}"` }
    },
  })
  router.put('/pages/:name', asSeen, bodyParser(), savePage)

  router.get('/pages/:name', async ctx => {
    const page = await outside.get<Page>(FIND_PAGE, ctx.params.name)
    if (page === undefined) return
    ctx.set('ETag', `"${page.version}"`)
    ctx.body = page.text
  })

  const unlessThere = once.conditional({
    name: 'person',
    transactional: true,
    exists: async (_ctx, search, tx) => {
      const email = new URLSearchParams(search).get('email') ?? ''
      const found = await (tx ?? outside).all<{ id: number }>(FIND_PEOPLE, email)
      return found.map(({ id }) => `/people/${id}`)
    },
  })
  router.post('/people', unlessThere, bodyParser(), ctx => addPerson(ctx, store))

  const app = new Koa()
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}

interface Page {
  readonly text: string
  readonly version: number
}

const FIND_PAGE = 'SELECT text, version FROM page WHERE name = ?'
const FIND_PEOPLE = 'SELECT id FROM person WHERE email = ?'
const ADD_PERSON = 'INSERT INTO person (email) VALUES (?)'

async function savePage(ctx: Context): Promise<void> {
  const { text } = ctx.request.body as { text: string }
  const tx = ctx.poe.tx as SqliteTransaction
  const saved = await tx.get<Page>(SAVE, ctx.params.name, text)
  ctx.status = saved?.version === 1 ? 201 : 200
  ctx.set('ETag', `"${saved?.version}"`)
  ctx.body = text
}

/** The condition is optional here: without one there is no claim, and no transaction either. */
async function addPerson(ctx: Context, store: SqliteStore): Promise<void> {
  const { email } = ctx.request.body as { email: string }
  const isConditional = ctx.get('If-None-Exist') !== ''
  const { lastInsertRowid } = isConditional
    ? await (ctx.poe.tx as SqliteTransaction).run(ADD_PERSON, email)
    : await store.write(db => db.prepare(ADD_PERSON).run(email))
  ctx.status = 201
  ctx.set('Location', `/people/${lastInsertRowid}`)
  ctx.body = { email }
}

/** Reads outside any transaction. */
function reader({ database }: SqliteStore): Pick<SqliteTransaction, 'get' | 'all'> {
  return {
    get: async <Row>(sql: string, ...params: unknown[]) =>
      database.prepare(sql).get(...params) as Row | undefined,
    all: async <Row>(sql: string, ...params: unknown[]) =>
      database.prepare(sql).all(...params) as Row[],
  }
}
