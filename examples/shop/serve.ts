/**
 * A shop as a process: reads the settings, listens, and ends in order on SIGTERM and SIGINT.
 * What cannot be started says so in one line and exits 1.
 */
import { once as emitted } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerExpectations } from 'post-once-exactly/koa'
import type { Shop } from './app.js'
import { readSettings, SettingError, type Settings } from './settings.js'
import { nameOf, openStorage, type Storage } from './storage.js'

/** How long answers that are under way may take once the end was asked for, in milliseconds. */
const GRACE_MS = 5_000

/** A shop that takes requests. */
export interface Serving {
  /** As in `http://127.0.0.1:3000`. */
  readonly origin: string
  /** Where it keeps things and what it obeys, to be shown. */
  readonly notes: string
  /** Ends it in order, and the process with it. Further calls change nothing. */
  end(): void
}

/**
 * Opens the storage that the environment names, and serves a shop on it.
 *
 * @param open - makes the shop
 */
export async function serve(
  open: (settings: Settings, storage: Storage) => Shop,
): Promise<Serving> {
  const { settings, storage } = await prepare()
  const shop = open(settings, storage)
  shop.app.on('error', logError)
  const callback = shop.app.callback()
  const server = createServer(callback)
  answerExpectations(server, callback)
  await listen(server, settings)
  const { port } = server.address() as AddressInfo
  const faults = settings.faults ? ', Demo-Fault obeyed' : ''
  const end = endOnSignal(server, shop, storage)
  const notes = `orders in ${nameOf(settings.store)}${faults}`
  return { origin: `http://${settings.host}:${port}`, notes, end }
}

async function prepare(): Promise<{ settings: Settings; storage: Storage }> {
  try {
    const settings = readSettings(process.env)
    return { settings, storage: await openStorage(settings.store) }
  } catch (error) {
    // What is not about a setting is a bug and shall show where it is.
    if (!(error instanceof SettingError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

async function listen(server: Server, { port, host }: Settings): Promise<void> {
  try {
    server.listen(port, host)
    await emitted(server, 'listening')
  } catch (error) {
    const { code = '', message = '' } = error as NodeJS.ErrnoException
    const busy = `Port ${port} is in use already: choose another, as in PORT=3001 npm start.`
    console.error(code === 'EADDRINUSE' ? busy : `Port ${port} cannot be used: ${message}`)
    process.exit(1)
  }
}

function endOnSignal(server: Server, shop: Shop, storage: Storage): () => void {
  let ending = false
  // A terminal and npm may each deliver the same interrupt: only the first one counts.
  const end = () => {
    if (ending) return
    ending = true
    void close(server, shop, storage)
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  return end
}

async function close(server: Server, shop: Shop, storage: Storage): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  // A connection that turns idle after `close` would keep the server open until it times out.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const deadline = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await closed
  clearInterval(idle)
  clearTimeout(deadline)
  // Handlers whose client has left are waited for: an order that is in doubt helps nobody.
  const { running, unwritten } = await shop.close()
  for (const key of running) console.error(`Still at work, and now in doubt: ${key}`)
  for (const key of unwritten) console.error(`The store was not told how it ended: ${key}`)
  await storage.close()
  process.exit(0)
}

function logError(error: unknown): void {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : error)
}
