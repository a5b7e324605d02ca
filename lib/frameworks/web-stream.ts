/**
 * A web stream of one of Node's. `Readable.toWeb` of Node 20 throws past everybody, which ends the
 * process, where its stream is cancelled while something is still buffered.
 */
import type { Readable } from 'node:stream'

/**
 * Makes the stream. It reads only what is asked for.
 *
 * @param onCancel - called where whoever reads it wants no more
 */
export function webStreamOf(source: Readable, onCancel: () => void): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = source.iterator({ destroyOnReturn: false })
  return new ReadableStream(
    {
      async pull(controller) {
        const next = await chunks.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  )
}
