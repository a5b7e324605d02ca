/**
 * Habits of right servers with keys that were once called wrong, each with the checks that did so.
 */
import { expect } from 'chai'
import { type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { CONDITIONS_ADAPTER, KEYS_ADAPTER } from './adapters.js'
import { type ConditionBehaviour, startConditionServer } from './condition-server.js'
import { type KeyBehaviour, RIGHT_KEYS, startKeyServer } from './key-server.js'
import { refused, told } from './plain.js'

async function judged(
  behaviour: Partial<KeyBehaviour>,
  only: readonly string[],
): Promise<ConformanceReport> {
  const server = await startKeyServer(behaviour)
  try {
    const url = `${server.origin}/payments`
    return await runConformance({ url, door: 'idempotency-key', adapter: KEYS_ADAPTER, only })
  } finally {
    await server.close()
  }
}

describe('poe check --door idempotency-key of habits that were called wrong', () => {
  it('[FALSE-4495] a front gives each answer a cookie of its own', async () => {
    let count = 0
    const replays: KeyBehaviour['replays'] = answer => {
      count += 1
      const right = RIGHT_KEYS.replays(answer)
      return { ...right, fields: { ...right.fields, 'Set-Cookie': `front=${count}` } }
    }
    const { results } = await judged({ replays }, ['IK-5-5/cookie'])
    expect(results[0]).to.include({ id: 'IK-5-5/cookie', result: 'pass' })
  })

  it('[FALSE-4495] each answer has the same cookie, whoever asks', async () => {
    const language = { 'Set-Cookie': 'language=en' }
    const replays: KeyBehaviour['replays'] = answer => answer
    const { results } = await judged({ first: language, replays }, ['IK-5-5/cookie'])
    expect(results[0]).to.include({ id: 'IK-5-5/cookie', result: 'skipped' })
  })

  it('[FALSE-4496] a parameter that nobody knows makes no other target', async () => {
    const scope: KeyBehaviour['scope'] = (asked, key) =>
      RIGHT_KEYS.scope({ ...asked, target: asked.target.replace(/\?.*$/, '') }, key)
    const { results, verdict } = await judged({ scope }, ['IK-5-3'])
    expect(verdict).to.equal('conformant')
    expect(results.map(({ result }) => result)).to.deep.equal(['warn', 'warn'])
  })

  it('[FALSE-4502] a refusal leads to its documentation by a link in its content', async () => {
    const error = { message: 'Give a key', doc_url: 'https://pay.example/doc' }
    const whenMissing: KeyBehaviour['whenMissing'] = () => told(400, { error })
    const { results } = await judged({ whenMissing }, ['IK-2.7-1/documented'])
    expect(results[0]).to.include({ id: 'IK-2.7-1/documented', result: 'pass' })
  })

  it('[FALSE-4502] a 428 explains itself in words', async () => {
    const text = 'Get it, and send its ETag as If-Match.\n'
    const whenMissing: ConditionBehaviour['whenMissing'] = () => ({
      status: 428,
      fields: { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' },
      text,
    })
    const server = await startConditionServer({ whenMissing })
    const report = await runConformance({
      url: `${server.origin}/stock/tea`,
      door: 'conditional',
      adapter: CONDITIONS_ADAPTER,
      only: ['H-428-1/explained'],
    })
    await server.close()
    expect(report.results[0]).to.include({ id: 'H-428-1/explained', result: 'pass' })
  })

  for (const status of [400, 403]) {
    it(`[FALSE-4610] a condition that is missing is told ${status}`, async () => {
      const whenMissing = () => refused(status, 'Send If-Match')
      const server = await startConditionServer({ whenMissing })
      try {
        const url = `${server.origin}/stock/tea`
        const only = ['COND-05/missing', 'COND-05/required', 'H-428-1']
        const options = { url, door: 'conditional', adapter: CONDITIONS_ADAPTER, only } as const
        const { results, verdict } = await runConformance(options)
        expect(verdict).to.equal('conformant')
        const kinds = results.map(({ result }) => result)
        expect(kinds).to.deep.equal(['pass', 'pass', 'warn', 'skipped'])
      } finally {
        await server.close()
      }
    })
  }
})
