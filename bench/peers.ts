/**
 * Packages of others with a like promise, installed into a temporary folder, each as its own pages
 * say that it is used.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context, Middleware } from 'koa'
import type { App } from './rows.js'

const PACKAGES = [
  '@node-idempotency/core@1.0.11',
  '@node-idempotency/storage-adapter-memory@1.0.2',
  '@node-idempotency/storage-adapter-redis@1.0.2',
  'express-idempotency@1.0.6',
  '@aws-lambda-powertools/idempotency@2.35.0',
  'redis@6.3.1',
]

/** One of them in front of a handler. */
export interface Peer {
  koa(handler: Middleware): Middleware
  express(req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
}

/** Installs them, once for this machine; gives the folder, or `null` where that fails. */
export function installPeers(): string | null {
  const folder = join(tmpdir(), 'poe-bench-peers')
  if (existsSync(join(folder, 'node_modules'))) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const options = { cwd: folder, stdio: 'inherit' } as const
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts']
  const { status } = spawnSync('npm', ['install', ...flags, ...PACKAGES], options)
  return status === 0 ? folder : null
}

/** Sets one up. */
export async function peerOf(given: { app: App; peers: string; redisUrl: string }): Promise<Peer> {
  const load = createRequire(join(given.peers, 'package.json'))
  switch (given.app) {
    case 'node-idempotency':
    case 'node-idempotency-redis':
      return await nodeIdempotency(load, given.app.endsWith('redis') ? given.redisUrl : null)
    case 'express-idempotency': {
      const express = load('express-idempotency').idempotency()
      return { koa: never, express }
    }
    default:
      return await powertools(load, given.redisUrl)
  }
}

async function nodeIdempotency(load: NodeJS.Require, url: string | null): Promise<Peer> {
  const { Idempotency } = load('@node-idempotency/core')
  const { MemoryStorageAdapter } = load('@node-idempotency/storage-adapter-memory')
  const { RedisStorageAdapter } = load('@node-idempotency/storage-adapter-redis')
  const storage = url === null ? new MemoryStorageAdapter() : new RedisStorageAdapter({ url })
  await storage.connect?.()
  const idempotency = new Idempotency(storage, {})
  return {
    express: never,
    koa: handler => async (ctx, next) => {
      const { method, path, headers } = ctx
      const asked = { method, path, headers, body: ctx.request.body }
      const found = await idempotency.onRequest(asked)
      if (found !== undefined) {
        ctx.status = found.additional.status
        ctx.body = found.body
        return
      }
      await handler(ctx as never, next)
      const additional = { status: ctx.status }
      await idempotency.onResponse(asked, { body: ctx.body, additional })
    },
  }
}

async function powertools(load: NodeJS.Require, url: string): Promise<Peer> {
  const { makeIdempotent, IdempotencyConfig } = load('@aws-lambda-powertools/idempotency')
  const { CachePersistenceLayer } = load('@aws-lambda-powertools/idempotency/cache')
  const client = await load('redis').createClient({ url }).connect()
  const persistenceStore = new CachePersistenceLayer({ client })
  const config = new IdempotencyConfig({ eventKeyJmesPath: 'key', throwOnNoIdempotencyKey: true })
  return {
    express: never,
    koa: handler => {
      const running = new Map<string, Context>()
      const once = makeIdempotent(
        async ({ key }: { key: string }) => {
          const ctx = running.get(key) as Context
          await handler(ctx as never, async () => {})
          return { status: ctx.status, body: ctx.body }
        },
        { persistenceStore, config },
      )
      return async ctx => {
        const key = ctx.get('Idempotency-Key')
        running.set(key, ctx as Context)
        const { status, body } = await once({ key }, {})
        running.delete(key)
        ctx.status = status
        ctx.body = body
      }
    },
  }
}

function never(): never {
  throw new Error('It is not used that way.')
}
