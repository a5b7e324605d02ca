/**
 * `Expect: 100-continue`: a refusal before the body is sent saves the upload.
 *
 * @see RFC 9110 10.1.1
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/**
 * Makes a server leave the answer to `Expect: 100-continue` to the application: the body is asked
 * for when somebody begins to read it, and a refusal that comes first takes its place.
 *
 * @param server - an HTTP/1.1 server
 * @param callback - what serves its requests: `app.callback()`
 */
export function answerExpectations(
  server: Server,
  callback: (req: IncomingMessage, res: ServerResponse) => unknown,
): void {
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    req.on('newListener', function ask(event: string | symbol) {
      if (event !== 'data' && event !== 'readable') return
      req.off('newListener', ask)
      if (!res.headersSent) res.writeContinue()
    })
    callback(req, res)
  })
}
