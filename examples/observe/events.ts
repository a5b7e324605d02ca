/**
 * Listens to what happens to records, wherever in the process `poe()` was called: a library of your
 * own, or an agent that knows nothing of the application.
 */
import diagnostics from 'node:diagnostics_channel'
import { type ChannelEvent, EVENTS_CHANNEL } from 'post-once-exactly'

/**
 * Calls for an operator.
 *
 * @returns ends it
 */
export function callOperator(call: (text: string) => void): () => void {
  const hear = (message: unknown): void => {
    const event = message as ChannelEvent
    if (event.type === 'undecided') call(`decide ${event.key}: poe store settle`)
    if (event.type === 'stale-completion') call(`perhaps a second effect: ${event.key}`)
  }
  diagnostics.subscribe(EVENTS_CHANNEL, hear)
  return () => void diagnostics.unsubscribe(EVENTS_CHANNEL, hear)
}
