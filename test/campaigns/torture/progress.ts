/** Tells how far a run is: a line that renews itself on a terminal, else one every ten seconds. */
const TERMINAL_MS = 500
const LOG_MS = 10_000

/** Shows progress until it is ended. */
export interface Progress {
  end(): void
}

/**
 * Shows a line from time to time.
 *
 * @param stream - where; standard error, so that the result alone is on standard output
 * @param line - makes the line
 */
export function showProgress(stream: NodeJS.WriteStream, line: () => string): Progress {
  const { isTTY } = stream
  const show = (): void => {
    stream.write(isTTY ? `\r${line().slice(0, (stream.columns ?? 80) - 1)}\u001b[K` : `${line()}\n`)
  }
  const timer = setInterval(show, isTTY ? TERMINAL_MS : LOG_MS)
  return {
    end() {
      clearInterval(timer)
      if (isTTY) stream.write('\r\u001b[K')
    },
  }
}
