/**
 * Clients that cannot be judged, or not to the end: what the suite could not find out is never
 * read as their fault, and whatever they do, a run ends.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type CheckResult,
  type ClientCheckOptions,
  type ClientEnding,
  type ClientFunction,
  checkClient,
} from 'post-once-exactly/conformance'
import { baseClient } from './base-client.js'

const INIT = { method: 'POST', body: '{"sku":"tea"}', redirect: 'manual' } as const

describe('poe check-client of clients at the edge', () => {
  it('one that is slow is not judged by its end, but by what it sent', async () => {
    const right = baseClient(null)
    // It sends as the right one does, and then it says nothing where it was refused.
    const client: ClientFunction = async task => {
      const ending = await right(task)
      return ending === 'accepted' ? ending : await never(task.signal)
    }
    const results = await judge({ client, only: ['POE-5-6/refused'], timeoutMs: 1_000 })
    expect(results.get('POE-5-6/refused')).to.include({ result: 'setup-failed' })
    expect(results.get('POE-5-6/refused')?.seen).to.include('--timeout')
  })

  it('one that goes on for ever after a refusal is found out, and is not only late', async () => {
    const client: ClientFunction = async ({ link, signal }) => {
      for (;;) {
        const { ok } = await fetch(link, INIT)
        if (ok) return 'accepted'
        await sleep(100, undefined, { signal })
      }
    }
    const only = ['POE-5-6/refused', 'POE-5-6/unknown-first']
    const results = await judge({ client, takes: 'link', only, timeoutMs: 1_000 })
    expect(results.get('POE-5-6/refused')).to.include({ result: 'fail' })
    // How it would have told this is not known.
    expect(results.get('POE-5-6/unknown-first')).to.include({ result: 'setup-failed' })
  })

  it('one that hails requests is stopped long before its time is over', async () => {
    const client: ClientFunction = async ({ link, signal }) => {
      while (!signal.aborted) {
        const answer = await fetch(link, INIT).catch(() => null)
        if (answer?.ok === true) return 'accepted'
      }
      return 'unknown'
    }
    const only = ['POE-2-12', 'POE-8-3']
    const results = await judge({ client, takes: 'link', only, timeoutMs: 600_000 })
    expect(results.get('POE-2-12/ends')).to.include({ result: 'fail' })
    expect(Number(results.get('POE-2-12/ends')?.seen)).to.be.above(50)
    expect(results.get('POE-8-3/limit')).to.include({ result: 'fail', seen: 'none in time' })
  })

  it('an interrupted run ends at once, and blames nobody', async () => {
    const controller = new AbortController()
    const client: ClientFunction = async ({ signal }) => {
      setTimeout(() => controller.abort(), 50)
      return await never(signal)
    }
    const { signal } = controller
    const report = await checkClient({ client, signal, timeoutMs: 600_000 })
    expect(report).to.include({ verdict: 'undetermined', exitCode: 2 })
    expect(report.results.some(({ result }) => result === 'fail')).to.equal(false)
  })

  it('a run that is interrupted before it begins ends, too', async () => {
    const client: ClientFunction = async ({ signal }) => await never(signal)
    const report = await checkClient({ client, signal: AbortSignal.abort(), timeoutMs: 600_000 })
    expect(report).to.include({ exitCode: 2 })
  })

  it('one that cannot be started is told as such', async () => {
    const client = { command: ['/no/such/client', '{url}'] }
    const results = await judge({ client, only: ['POE-5-2/accepted', 'POE-5-1'] })
    expect(results.get('POE-5-2/accepted')).to.include({ result: 'harness-failed' })
    expect(results.get('POE-5-1/lost-after')).to.include({ result: 'blocked' })
  })

  it('a program has a fresh folder in each scenario, and nothing is left of it', async () => {
    const notes = await mkdtemp(join(tmpdir(), 'poe-edges-'))
    const code = `
      import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
      const [, fresh, notes] = process.argv
      appendFileSync(notes, fresh + ' ' + readdirSync(fresh).length + '\\n')
      writeFileSync(fresh + '/profile', 'mine')
      const { ok } = await fetch(process.env.POE_LINK, { method: 'POST', body: 'tea' })
      process.exitCode = ok ? 0 : 1`
    const node = [process.execPath, '--input-type=module', '-e', code]
    const client = { command: [...node, '{fresh}', join(notes, 'folders')] }
    await judge({ client, takes: 'link', only: ['POE-5-6/refused', 'POE-5-6/login'] })
    const lines = (await readFile(join(notes, 'folders'), 'utf8')).trim().split('\n')
    const folders = lines.map(line => line.split(' ')[0] ?? '')
    await rm(notes, { recursive: true })
    expect(lines.every(line => line.endsWith(' 0'))).to.equal(true)
    expect(new Set(folders).size).to.equal(3)
    expect(folders.filter(folder => existsSync(folder))).to.deep.equal([])
  })

  it('odd requests do not end the run, and are told as they came', async () => {
    const right = baseClient(null)
    const client: ClientFunction = async task => {
      const { origin } = new URL(task.url)
      for (const path of [
        '/poe-check-client/page/%E0%A4%A',
        '/poe-check-client/page/..%2F..%2Fx',
      ]) {
        await fetch(origin + path).catch(() => {})
      }
      await fetch(`${origin}/guessed`, { method: 'PUT', body: 'x', headers: { POE: '1' } })
      return await right(task)
    }
    const results = await judge({ client, only: ['POE-5-2', 'POE-A-4/derived'] })
    expect(results.get('POE-5-2/accepted')).to.include({ result: 'pass' })
    const derived = results.get('POE-A-4/derived')
    expect(derived).to.include({ result: 'fail', seen: 'PUT /guessed' })
    expect(derived?.exchange).to.include('PUT /guessed').and.include('answered: 404')
  })

  it('[FALSE-4109] a transcript has the fields and the content of both sides', async () => {
    const client: ClientFunction = async ({ link }) => {
      const logins = { Authorization: 'secret', 'X-Api-Key': 'secret', 'X-Auth-Token': 'secret' }
      await fetch(link, { ...INIT, headers: { 'X-Mine': 'yes', ...logins } })
      return 'accepted'
    }
    const results = await judge({ client, takes: 'link', only: ['POE-5-6/refused'] })
    const { exchange = '' } = results.get('POE-5-6/refused') ?? {}
    for (const part of ['x-mine: yes', '{"sku":"tea"}', 'answered: 422', '"title"', 'accepted']) {
      expect(exchange.toLowerCase()).to.include(part)
    }
    expect(exchange).to.include('(left out)').and.not.include('secret')
  })

  it('a page without links is posted to once at most', async () => {
    const twice: ClientFunction = async task => {
      const page = await fetch(task.url)
      const { link } = (await page.json()) as { link?: string }
      const target = new URL(link ?? '', task.url)
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const answer = await fetch(target, INIT).catch(() => null)
        if (answer?.ok === true) return 'accepted'
      }
      return 'unknown'
    }
    const results = await judge({ client: twice, only: ['H-RETRY-1'] })
    expect(results.get('H-RETRY-1/no-link')).to.include({ result: 'fail' })
  })
})

describe('poe check-client of clients that post to the page', () => {
  it('an empty POST to a page that makes no links is counted, and gives no link', async () => {
    const empty: ClientFunction = async ({ url }) => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const answer = await fetch(url, { method: 'POST' }).catch(() => null)
        if (answer?.ok === true) return 'accepted'
      }
      return 'unknown'
    }
    const results = await judge({ client: empty, only: ['H-RETRY-1', 'POE-5-2/accepted'] })
    expect(results.get('POE-5-2/accepted')).to.include({ result: 'setup-failed' })
    const right = baseClient(null)
    let plays = 0
    const later: ClientFunction = async task => await (plays++ === 0 ? right(task) : empty(task))
    const judged = await judge({ client: later, only: ['H-RETRY-1'], jobs: 1 })
    expect(judged.get('H-RETRY-1/no-link')).to.include({ result: 'fail' })
  })

  it('a page that is asked for with a malformed percent-encoding gets 400', async () => {
    const statuses: number[] = []
    const right = baseClient(null)
    const client: ClientFunction = async task => {
      const { origin } = new URL(task.url)
      for (const name of ['%E0%A4%A', '%', 'none.html']) {
        statuses.push((await fetch(`${origin}/poe-check-client/page/${name}`)).status)
      }
      return await right(task)
    }
    await judge({ client, only: ['POE-5-2/accepted'] })
    expect(statuses).to.deep.equal([400, 400, 404])
  })

  it('a browser that hands its page over and ends gets the hint that helps', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poe-handed-'))
    try {
      const client = { command: [process.execPath, '-e', '', '{url}'] }
      const results = await judge({ client, serve: folder, only: ['POE-5-2'], timeoutMs: 1_000 })
      expect(results.get('POE-5-2/accepted')).to.include({ result: 'setup-failed' })
      expect(results.get('POE-5-2/accepted')?.seen).to.include('--user-data-dir={fresh}')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('how long each play took is told', async () => {
    const results = await judge({ client: baseClient(null), only: ['POE-5-2/accepted'] })
    expect(results.get('POE-5-2/accepted')?.durationMs).to.be.within(1, 60_000)
  })
})

async function judge(options: ClientCheckOptions): Promise<Map<string, CheckResult>> {
  const { results } = await checkClient(options)
  return new Map(results.map(result => [result.id, result]))
}

function never(signal: AbortSignal): Promise<ClientEnding> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}
