/**
 * Listens on 127.0.0.1 and closes without leaving a socket.
 */
import type { AddressInfo, Server, Socket } from 'node:net'

/** A server that listens. */
export interface Listening {
  readonly port: number
  /** Ends the server and every connection. */
  close(): Promise<void>
}

/**
 * Lets a server listen.
 *
 * @param server - of node:net or node:http
 * @param port - 0 for a free one
 * @param stop - called first when it is closed
 */
export async function listen(
  server: Server,
  port: number,
  stop: () => void = () => {},
): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      stop()
      return new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
    },
  }
}

/** Waits; `false` when it was stopped before. */
export function sleep(ms: number, stopped: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const end = (slept: boolean) => () => {
      clearTimeout(timer)
      stopped.removeEventListener('abort', stop)
      resolve(slept)
    }
    const stop = end(false)
    const timer = setTimeout(end(true), ms)
    stopped.addEventListener('abort', stop)
    if (stopped.aborted) stop()
  })
}
