/**
 * `Expect: 100-continue`: a refusal before the content is sent saves the upload.
 *
 * A resource's own middleware comes first, and some of it reads the content: where it begins to,
 * the record is looked at before the content is asked for. So nobody's login is passed by.
 *
 * @see RFC 9110 10.1.1
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** Says whether the content may be asked for. */
type Judge = () => Promise<boolean>

const judges = new WeakMap<IncomingMessage, Judge>()

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
      const judge = judges.get(req)
      if (judge === undefined) askFor(res)
      else void judge().then(mayAsk => mayAsk && askFor(res))
    })
    callback(req, res)
  })
}

function askFor(res: ServerResponse): void {
  if (!res.headersSent) res.writeContinue()
}

/**
 * Has somebody asked before the content of a request is, where the client waits for that.
 *
 * @param judge - never rejects; whoever reads waits until it says so
 */
export function judgeFirst(req: IncomingMessage, judge: Judge): void {
  judges.set(req, judge)
}
