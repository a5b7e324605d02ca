/** An application of which chance decides, on Koa. */
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Context, Next } from 'koa'
import type { Serve, Trial } from './random-trial.js'
import { breaking, circular, ERRORS, pipeOn, slowly, type Word } from './random-words.js'
import { startWorld } from './world.js'

/** What serves it. */
export const KOAS = ['Koa 3', 'Koa 2', 'Koa 3 on HTTP/2'] as const

/** Doors that are a path of their own. */
export const DOOR_NAMES = ['key', 'stripe', 'kept', 'replay', 'step', 'duplicate'] as const

const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }

/** Serves one. */
export const serveKoa: Serve = (trial, store) => {
  const { on, parses, door, savesMs } = trial.given
  const { rules, rulesOutside } = trial
  const isNested = door.includes(',')
  const impatient = impatience(trial, false)
  const handle = async (ctx: Context): Promise<void> => {
    const read = async () => {
      if (Reflect.get(ctx.request, 'body') === undefined) for await (const _ of ctx.req);
    }
    await WORDS[await trial.act({ poe: ctx.poe, read })](ctx)
  }
  const undo = async (ctx: Context): Promise<void> => {
    await trial.undo({ poe: ctx.poe, read: () => {} })
    ctx.status = 204
  }
  return startWorld(
    { store: 'memory', koa: on === 'Koa 2' ? 2 : 3, at: 'root' },
    {
      parse: parses,
      poe: trial.options,
      resource: isNested ? rulesOutside : rules,
      outside: [impatient],
      wrapStore: () => store,
      handler: handle,
      extend: (app, router, once) => {
        app.middleware.unshift(async (_ctx: unknown, next: Next) => {
          await next()
          if (savesMs > 0) await pause(savesMs)
        })
        app.middleware.unshift(impatience(trial, true) as never)
        const validator = async () => ({ etag: `"${await trial.effects()}"` })
        const step = once.conditional({ name: 'step', validator, ...rules })
        if (door === 'link, step') app.use(step)
        const own = { ...KEPT, ...(isNested ? rulesOutside : rules) }
        const identity = () => 'the same'
        const { dangerouslyNotDurable: _, retentionMs: windowMs, ...judged } = own
        const entries = {
          key: once.idempotencyKey({ name: 'key', ...own }),
          stripe: once.idempotencyKey({ name: 'stripe', profile: 'stripe', ...own }),
          kept: once.idempotencyKey({ name: 'kept', kept: 'below-500', ...own }),
          replay: once.replay({ name: 'replay', key: identity, ...own }),
          duplicate: once.detectDuplicates({ name: 'duplicate', identity, windowMs, ...judged }),
          step,
        }
        const actions = { name: 'action', ...rules, do: handle, undo }
        once.actions(router, '/action', actions, impatient as never)
        for (const name of DOOR_NAMES) {
          const more = door === `${name}, step` ? [step] : []
          router.post(`/${name}`, impatient, entries[name], ...more, handle as never)
        }
      },
    },
  )
}

function impatience(trial: Trial, isOutermost: boolean) {
  return async (ctx: Context, next: Next): Promise<void> => {
    const { impatient } = trial.given
    if (impatient === null || !trial.isImpatient(ctx.method, isOutermost)) return await next()
    const { ms, status } = impatient
    const isOver = await Promise.race([next().then(() => false), pause(ms, true)])
    if (!isOver || ctx.headerSent) return
    ctx.status = status
    ctx.body = 'too slow'
  }
}

const WORDS: Readonly<Record<Word, (ctx: Context) => unknown>> = {
  ...ERRORS,
  json: ctx => {
    ctx.status = 201
    ctx.set('Location', '/orders/1')
    ctx.body = { done: true }
  },
  text: ctx => {
    ctx.body = 'done'
  },
  stream: ctx => {
    ctx.body = Readable.from(['do', 'ne'])
  },
  slow: ctx => {
    ctx.body = Readable.from(slowly())
  },
  breaks: ctx => {
    ctx.body = Readable.from(breaking())
  },
  '204': ctx => {
    ctx.status = 204
  },
  '303': ctx => {
    ctx.status = 303
    ctx.set('Location', '/orders/1')
  },
  'by itself': ctx => {
    ctx.respond = false
    ctx.res.statusCode = 201
    ctx.res.end('done')
  },
  begun: ctx => {
    ctx.status = 201
    ctx.flushHeaders()
    ctx.body = 'done'
  },
  'a refusal': ctx => {
    ctx.status = 422
    ctx.body = 'no tea'
  },
  'a thrown refusal': ctx => ctx.throw(409, 'no tea'),
  'a broken pipe': ctx => pipeOn(ctx.req),
  'no JSON': ctx => {
    ctx.body = circular()
  },
  'a lost answer': ctx => void ctx.res.destroy(),
  'a lost request': ctx => {
    ctx.req.destroy()
    throw new Error('planted')
  },
  '500': ctx => {
    ctx.status = 500
  },
  nothing: () => {},
  'no Location': ctx => {
    ctx.status = 303
  },
}
