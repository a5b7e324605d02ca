/** What the tests of the live page share: one in this process, and one as `npm start` has it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { strippedModule, strippedTree } from '../../../test/support/stripped-tree.js'
import { createShop } from '../app.js'
import { openStorage } from '../storage.js'
import { withFolder } from '../support.js'
import { createLive, type Live } from './live.js'
import { openOrdinaryBook } from './ordinary.js'
import type { Fault, Side, Step } from './steps.js'

/** A visitor of a live page, who needs no browser. */
export interface Visitor {
  readonly origin: string
  readonly name: string
  ask(path: string, init?: RequestInit): Promise<Response>
  /** Begins an experiment; gives its forms' addresses. */
  begin(fault: Fault): Promise<Record<Side | 'run', string>>
  /** Sends a form; `null` where no answer came. */
  press(address: string, name?: string): Promise<Response | null>
  /** The steps so far, as the page is told of them; ends at the first that `isLast`. */
  steps(isLast: (step: Step) => boolean): Promise<Step[]>
}

/** Somebody who has come to a live page. */
export function visitorOf(origin: string, name: string): Visitor {
  const ask: Visitor['ask'] = (path, init = {}) => {
    const headers = { 'X-Demo-User': name, Accept: 'text/html', ...init.headers }
    return fetch(origin + path, { redirect: 'manual', ...init, headers })
  }
  return {
    origin,
    name,
    ask,
    async begin(fault) {
      const body = new URLSearchParams({ fault })
      const answer = await ask('/live/runs', { method: 'POST', body })
      if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`)
      return (await answer.json()) as Record<Side | 'run', string>
    },
    async press(address, name = 'first') {
      const body = new URLSearchParams({ sku: 'tea', qty: '1' })
      const headers = { 'Demo-Press': name }
      return await ask(address, { method: 'POST', body, headers }).catch(() => null)
    },
    async steps(isLast) {
      const signal = AbortSignal.timeout(10_000)
      const { body } = await ask('/live/events', { signal })
      const seen: Step[] = []
      let text = ''
      for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += chunk
        const parts = text.split('\n\n')
        text = parts.pop() ?? ''
        for (const part of parts) {
          const data = /^data: (.*)$/m.exec(part)?.[1]
          if (data === undefined) continue
          const step = JSON.parse(data) as Step
          seen.push(step)
          if (isLast(step)) return seen
        }
      }
      throw new Error(`it never came; seen were ${seen.map(({ kind }) => kind)}`)
    },
  }
}

/** Serves a live shop from this process; what it has told is kept in `kept`. */
export async function withLive(
  use: (visitor: Visitor, live: Live, kept: readonly Step[]) => Promise<void>,
  past: readonly Step[] = [],
): Promise<void> {
  await withFolder(async folder => {
    const storage = await openStorage({ kind: 'sqlite', file: join(folder, 'shop.db') })
    const ordinary = openOrdinaryBook(join(folder, 'ordinary.db'))
    const kept: Step[] = [...past]
    const keep = async (step: Step) => void kept.push(step)
    const live = createLive({ storage, ordinary, faults: false, past, keep })
    const shop = createShop({ storage, faults: true, extras: live })
    shop.app.silent = true
    const server = createServer(shop.app.callback()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      await use(visitorOf(`http://127.0.0.1:${port}`, 'ann'), live, kept)
    } finally {
      live.close()
      server.closeAllConnections()
      server.close()
      await shop.close()
      await storage.close()
      ordinary.close()
    }
  })
}

/** A live shop as processes, one of which may be killed. */
export interface LiveProcess {
  readonly origin: string
  readonly child: ChildProcess
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts what `npm start` starts, on any free port. */
export async function startLive(env: Record<string, string>): Promise<LiveProcess> {
  const child = spawn(process.execPath, [strippedModule('examples/shop/live/main.ts')], {
    cwd: strippedTree(),
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  const origin = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stdout?.on('data', chunk => {
      said += String(chunk)
      const found = /http:\/\/127\.0\.0\.1:\d+(?=\/live)/.exec(said)
      if (found !== null) resolve(found[0])
    })
    gone.then(() => reject(new Error(`the shop did not start: ${said}`)), reject)
  })
  return {
    origin,
    child,
    async end(signal = 'SIGTERM') {
      child.kill(signal)
      await gone
      return child.exitCode
    },
  }
}
