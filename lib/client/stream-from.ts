/** A stream of the web that is made of reads. */

/**
 * Makes a stream that reads only what is asked for.
 *
 * @param next - gives the next piece
 * @param cancel - called where nobody wants the rest
 * @param told - what a reader is told, for what `next` threw
 */
export function streamFrom(
  next: () => Promise<IteratorResult<Uint8Array, unknown>>,
  cancel: (reason: unknown) => void | Promise<void>,
  told: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await next()
          if (done === true) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          controller.error(told(error))
        }
      },
      cancel,
    },
    { highWaterMark: 0 },
  )
}
