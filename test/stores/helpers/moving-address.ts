/** An address that leads to another server after a failover, as a Service of Kubernetes does. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** An address in front of servers. */
export interface MovingAddress {
  readonly port: number
  /** Leads new connections to another server, and leaves those that are there where they are. */
  moveTo(port: number): void
  close(): void
}

/** Opens an address that leads to a server on this machine. */
export async function movingAddress(port: number): Promise<MovingAddress> {
  let to = port
  const front = createServer(socket => {
    const behind = connect(to, '127.0.0.1')
    for (const end of [socket, behind]) end.on('error', () => {})
    socket.pipe(behind).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    port: (front.address() as AddressInfo).port,
    moveTo(other) {
      to = other
    },
    close: () => front.close(),
  }
}
