/**
 * A machine that has slept: what counts a process's time stands still meanwhile, and the system's
 * clock does not. Here that clock is moved on, and nothing else, in processes of their own.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

const PROGRAM = `
  import { createClient } from 'post-once-exactly/client'
  const options = JSON.parse(process.argv[1])
  const { now } = Date
  const life = options.lifeMs === undefined ? {} : { expiresAtMs: now() + options.lifeMs }
  let posts = 0
  const fetch = async () => {
    posts += 1
    if (posts === 1) throw new TypeError('fetch failed')
    return new Response(null, { status: 201 })
  }
  const onRetry = () => {
    Date.now = () => now() + 7_200_000
  }
  const { totalMs } = options
  const client = createClient({ fetch, baseMs: 1, onRetry, totalMs })
  const key = options.isKeyed ? { idempotencyKey: true } : {}
  const url = 'https://shop.example/pay'
  const { outcome, reason } = await client.post(url, 'x', { ...key, ...life })
  console.log(JSON.stringify({ outcome, posts, ...(reason && { reason }) }))
`

const HOUR_MS = 3_600_000

interface Case {
  readonly isKeyed: boolean
  readonly totalMs?: number
  readonly lifeMs?: number
}

/** A POST whose first answer is lost, on a machine that sleeps for two hours after it. */
async function slept(options: Case): Promise<unknown> {
  const loader = fileURLToPath(new URL('../../scripts/typescript.mjs', import.meta.url))
  const how = ['--import', loader, '-C', '@post-once-exactly/source', '--input-type=module']
  const words = [...how, '-e', PROGRAM, JSON.stringify(options)]
  const { stdout } = await promisify(execFile)(process.execPath, words)
  return JSON.parse(stdout)
}

describe('a machine that has slept between two tries', () => {
  const gaveUp = { outcome: 'unknown', posts: 1, reason: 'gave-up' }

  it('[FALSE-4580] sends no key past its life, for the server may run it anew', async () => {
    const told = await slept({ isKeyed: true, totalMs: 24 * HOUR_MS, lifeMs: HOUR_MS })
    expect(told).to.deep.equal({ ...gaveUp, reason: 'forgotten' })
  })

  it('[FALSE-4580] nor when the time of all tries is over', async () => {
    expect(await slept({ isKeyed: true })).to.deep.equal(gaveUp)
  })

  it('goes on within that time, and at a link, where a late try does no harm', async () => {
    const accepted = { outcome: 'accepted', posts: 2 }
    expect(await slept({ isKeyed: true, totalMs: 3 * HOUR_MS })).to.deep.equal(accepted)
    expect(await slept({ isKeyed: false })).to.deep.equal(accepted)
  })
})
