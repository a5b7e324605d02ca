/**
 * What is registered wrongly is told when it is, or with the first link: it was a 404 for everybody
 * who used the link, without a word in the log.
 */
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { anyone, poe } from 'post-once-exactly/koa'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import supertest from 'supertest'

const once = (more: object = {}) => poe({ store: memoryStore(), principal: anyone, ...more })
const order = { name: 'order', path: '/orders/once/:token' }
const done = (ctx: Context) => {
  ctx.status = 204
}

describe('what is registered wrongly', () => {
  for (const [what, register, says] of [
    ['a router that is none', () => once().resource(new Koa() as never, order, done), /new Router/],
    ['no router', () => once().resource(order as never, done as never), /first argument must be/],
    [
      'a mint endpoint on none',
      () => once().mintEndpoint({} as never, {} as never),
      /mintEndpoint/,
    ],
    ['an entry on none', () => once().entryPoint({} as never, {} as never), /entryPoint\(\): its/],
    ['a policy on none', () => once().policy(null as never, '/policy'), /policy\(\): its first/],
    ['actions on none', () => once().actions('/a' as never, {} as never, {} as never), /actions/],
    [
      'a path for options',
      () => once().resource(new Router(), '/orders/:token' as never, done),
      /its options must be an object, like \{ name, path \}/,
    ],
    [
      'a path without a slash',
      () => once().resource(new Router(), { ...order, path: 'o/:token' }, done),
      /must begin with a slash, and o\/:token does not/,
    ],
    [
      'two on one path',
      () => {
        const [koa, router] = [once(), new Router()]
        koa.resource(router, order, done)
        koa.resource(router, { ...order, name: 'gift' }, done)
      },
      /resource gift: the resource order has the path \/orders\/once\/:token already/,
    ],
  ] as const) {
    it(`[FALSE-3806] ${what}`, () => {
      expect(register).to.throw(TypeError, says)
    })
  }

  for (const [what, register, says] of [
    [
      'a mint endpoint of no resource',
      () => once().mintEndpoint(new Router(), { path: '/links' } as never),
      /mintEndpoint\(\): resource must be a string/,
    ],
    [
      'an entry point with a member that nobody knows',
      () => once().entryPoint(new Router(), { path: '/in', name: 'order' } as never),
      /entryPoint\(\): what it is given has no member "name"/,
    ],
    ['texts that are none', () => once({ texts: 'de' }), /texts must be an object/],
    [
      'a worker whose signal is none',
      () => once().worker({ mail: done } as never, { signal: 'SIGTERM' as never }),
      /signal must be an AbortSignal/,
    ],
    [
      'a worker with a number for options',
      () => once().worker({ mail: done } as never, 4 as never),
      /its options must be an object/,
    ],
  ] as const) {
    it(`[FALSE-4208] ${what}`, () => {
      expect(register).to.throw(TypeError, says)
    })
  }

  for (const [what, register, says] of [
    [
      'actions twice',
      () => {
        const [koa, router] = [once(), new Router()]
        koa.actions(router, '/jobs', { name: 'job', do: done as never })
        koa.actions(router, '/jobs/', { name: 'more', do: done as never })
      },
      /resource more: the resource job has the path \/jobs\/:token already/,
    ],
    [
      'actions in the place of a resource',
      () => {
        const [koa, router] = [once(), new Router()]
        koa.resource(router, order, done)
        koa.actions(router, '/orders/once', { name: 'job', do: done as never })
      },
      /resource job: the resource order has the path \/orders\/once\/:token already/,
    ],
    [
      'actions without a slash',
      () => once().actions(new Router(), 'jobs', { name: 'job', do: done as never }),
      /actions "job": its path must begin with a slash, and jobs\/:token does not/,
    ],
    [
      'actions twice, of node:http',
      () => {
        const node = nodePoe({ store: memoryStore(), principal: anyone })
        node.actions('/jobs', { name: 'job', do: () => {} })
        node.actions('/jobs', { name: 'more', do: () => {} })
      },
      /resource more: job has the path \/jobs\/:token already/,
    ],
    [
      'actions in the place of a resource, of fetch',
      () => {
        const fetch = fetchPoe({ store: memoryStore(), principal: anyone })
        fetch.resource({ name: 'order', path: '/jobs/:token' }, () => new Response())
        fetch.actions('/jobs', { name: 'job', do: () => new Response() })
      },
      /resource job: order has the path \/jobs\/:token already/,
    ],
  ] as const) {
    it(`[FALSE-4023] ${what}`, () => {
      expect(register).to.throw(TypeError, says)
    })
  }

  it('[FALSE-3806] two on one path, of node:http and fetch', () => {
    const node = nodePoe({ store: memoryStore(), principal: anyone })
    const fetch = fetchPoe({ store: memoryStore(), principal: anyone })
    for (const add of [
      (name: string, path: string) => node.resource({ name, path }, () => {}),
      (name: string, path: string) => fetch.resource({ name, path }, () => new Response()),
    ]) {
      add('order', order.path)
      add('gift', '/gifts/:token')
      expect(() => add('more', order.path)).to.throw(/resource more: order has the path .* already/)
    }
  })

  it('[FALSE-3806] a path is completed by the prefix of its router', () => {
    const router = new Router({ prefix: '/orders/' })
    once().resource(router, { name: 'order', path: ':token' }, done)
    expect(router.stack.map(({ path }) => path)).to.include('/orders/:token')
  })

  it('[FALSE-3806] a parameter that the path has not: no link that nobody could use', async () => {
    const [koa, router] = [once(), new Router()]
    const errors: Error[] = []
    koa.resource(router, { name: 'order', path: '/u/:user/:token' }, done)
    router.get('/basket', ctx => {
      const { user, extra } = ctx.query
      ctx.body = koa && ctx.poe.link('order', { user: `${user}`, ...(extra && { extra: 'x' }) })
    })
    const app = new Koa().use(koa.middleware()).use(router.routes())
    app.on('error', error => errors.push(error))
    const agent = supertest(app.callback())
    const { text } = await agent.get('/basket?user=ann')
    expect((await agent.post(text)).status).to.equal(204)
    expect((await agent.get('/basket?user=ann&extra=1')).status).to.equal(500)
    expect(errors[0]?.message).to.match(/\/u\/:user\/:token has no parameter extra/)
  })

  for (const [secrets, says] of [
    [[undefined], /must be a string; is the variable set that it comes from/],
    ['one secret of at least 32 bytes, alone', /must be a list of strings/],
    [['short'], /at least 32 bytes long/],
  ] as const) {
    it(`[FALSE-3807] secrets that are ${JSON.stringify(secrets)}`, () => {
      expect(() => once({ secrets })).to.throw(says)
    })
  }

  it('[FALSE-3807] an address where options belong is not in the message', () => {
    for (const [store, says] of [
      [postgresStore, /like \{ pool \}, got a string/],
      [redisStore, /like \{ client \}, got a string/],
      [memoryStore, /got a string/],
    ] as const) {
      const address = 'postgres://app:s3cret@db/shop' as never
      expect(() => store(address))
        .to.throw(TypeError, says)
        .with.property('message')
        .not.match(/s3c/)
    }
    expect(() => sqliteStore(undefined as never)).to.throw(TypeError, /like \{ file \}, got/)
  })
})
