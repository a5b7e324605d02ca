/** What the campaigns share: the way to end one early. */

/** The first interrupt ends the work, and what there is is judged; the second one ends it all. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130)
    console.error('\nEnding early: what there is is judged now; once more leaves at once.')
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}
