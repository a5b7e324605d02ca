/**
 * A payment service in the manner of a well-known one: forms, a bearer token, keys without quotes
 * that nobody has to send, 400 for other content, and failures that are kept. A suite
 * can judge it by an adapter alone.
 */
import { type Asked, type DoorServer, faultIn, startPlain, type Told, told } from './plain.js'

interface Kept {
  readonly print: string
  readonly outcome: Promise<Told>
  isDone: boolean
}

const KEY_LIMIT_CHARS = 255

/** Starts it. */
export async function startForeignKeys(): Promise<DoorServer> {
  const charges: string[] = []
  const kept = new Map<string, Kept>()

  const charge = async (asked: Asked, pause: (ms: number) => Promise<void>): Promise<Told> => {
    await pause(faultIn(asked, 'slow') + 20)
    if (faultIn(asked, 'fail') > 0) return fault(faultIn(asked, 'fail'), 'api_error')
    const amount = Number(new URLSearchParams(asked.text).get('amount'))
    if (!Number.isInteger(amount) || amount <= 0) return fault(400, 'invalid_request_error')
    const id = `ch_${charges.length + 1}`
    charges.push(id)
    return told(200, { id, amount })
  }

  const keyed = async (key: string, asked: Asked, pause: (ms: number) => Promise<void>) => {
    const scope = `${asked.lines('Authorization').join()} ${key}`
    const print = `${asked.target} ${asked.text}`
    const known = kept.get(scope)
    if (known !== undefined) {
      if (known.print !== print) return fault(400, 'idempotency_error')
      if (!known.isDone) return fault(409, 'idempotency_key_in_use')
      const answer = await known.outcome
      return { ...answer, fields: { ...answer.fields, 'Idempotent-Replayed': 'true' } }
    }
    const record: Kept = { print, outcome: charge(asked, pause), isDone: false }
    kept.set(scope, record)
    const answer = await record.outcome
    record.isDone = true
    if (answer.status >= 400 && answer.status < 500) kept.delete(scope)
    return answer
  }

  return await startPlain({
    restarted: () => {},
    answer: async (asked, pause) => {
      if (!asked.lines('Authorization').join().startsWith('Bearer sk_')) {
        return fault(401, 'authentication_error')
      }
      if (asked.path !== '/v1/charges') return fault(404, 'invalid_request_error')
      if (asked.method === 'GET') return told(200, { data: charges.map(id => ({ id })) })
      if (asked.method !== 'POST') return fault(405, 'invalid_request_error')
      const [key = ''] = asked.lines('Idempotency-Key')
      if (key.length > KEY_LIMIT_CHARS) return fault(400, 'invalid_request_error')
      return key === '' ? await charge(asked, pause) : await keyed(key, asked, pause)
    },
  })
}

function fault(status: number, type: string): Told {
  return told(status, { error: { type } })
}
