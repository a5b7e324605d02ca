/** A journal that cannot be written: nothing is sent, and the message says what to do. */
import { appendFileSync, chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  ClientError,
  createClient,
  type Journal,
  type JournalHold,
  type PostOutcome,
} from 'post-once-exactly/client'
import { entryOf, idsIn, JournalFolder } from './journal-process.js'

const LINK = 'https://shop.example/once/1'

describe('fileJournal that cannot be written', () => {
  let place: JournalFolder
  beforeEach(() => {
    place = new JournalFolder()
  })
  afterEach(() => place.remove())

  /** Opens and begins; what fails must be a `ClientError` that names the path and helps. */
  async function failureAt(path: string): Promise<ClientError> {
    try {
      const journal = await place.open({}, path)
      await journal.begin(entryOf('a'))
    } catch (error) {
      expect(error).to.be.instanceOf(ClientError)
      expect(error).to.have.property('code', 'ERR_POE_JOURNAL')
      return error as ClientError
    }
    throw new Error(`${path} can be used`)
  }

  it('a folder that is missing', async () => {
    const path = join(place.folder, 'missing', 'orders.journal')
    const { message } = await failureAt(path)
    expect(message).to.include(path).and.include('make its folder first')
  })

  it('a path that is a folder', async () => {
    mkdirSync(place.path)
    const { message } = await failureAt(place.path)
    expect(message).to.include(place.path).and.include('give the path of a file')
    expect(place.owners(), 'no file of an owner is left').to.deep.equal([])
  })

  it('a folder that is a file', async () => {
    writeFileSync(join(place.folder, 'file'), '')
    const { message } = await failureAt(join(place.folder, 'file', 'orders.journal'))
    expect(message).to.include('give a path whose folder is one')
  })

  it('a folder that may not be written', async () => {
    const folder = join(place.folder, 'closed')
    mkdirSync(folder, { mode: 0o555 })
    chmodSync(place.folder, 0o755)
    const { message } = await asNobody(() => failureAt(join(folder, 'orders.journal')))
    expect(message).to.include('let this user write')
  })

  it('a file of somebody else', async () => {
    writeFileSync(place.path, '', { mode: 0o400 })
    chmodSync(place.folder, 0o777)
    const { message } = await asNobody(() => failureAt(place.path))
    expect(message).to.include('let this user write')
    expect(place.owners(), 'no file of an owner is left').to.deep.equal([])
  })

  it('a device, where nothing can be read again', async () => {
    symlinkSync('/dev/full', place.path)
    const { message } = await failureAt(place.path)
    expect(message).to.match(/no file but a device|let this user write/)
  })

  it('[CL-17] a disk that is full: a begin that failed is never resumed', async () => {
    const other = await place.start({ mostKiB: 4 })
    const first = await other.tell({ do: 'begin', ids: ['fits'] })
    expect(first.code).to.equal(undefined)
    const ids = Array.from({ length: 20 }, (_, index) => `id-${index}`)
    const { code } = await other.tell({ do: 'begin', ids, bodyBytes: 200 })
    expect(code).to.equal('ERR_POE_JOURNAL')
    expect(place.text().length, 'it was cut off').to.equal(4_096)
    expect(place.text()).to.include('"id-0"')
    await other.kill()
    const journal = await place.open()
    expect(await idsIn(journal)).to.deep.equal(['fits'])
    await journal.begin(entryOf('next'))
    expect(await idsIn(journal)).to.deep.equal(['fits', 'next'])
  })

  it('[CL-17] a take that fails leaves the entry to others', async () => {
    const other = await place.start({ mostKiB: 2 })
    const journal = await place.open()
    await (await journal.begin(entryOf('free'))).leave()
    // Room for the begin of the record only.
    appendFileSync(place.path, `${'-'.repeat(2_048 - 60 - place.text().length)}\n`)
    expect((await other.tell({ do: 'take', id: 'free' })).code).to.equal('ERR_POE_JOURNAL')
    expect((await journal.take('free'))?.entry.id).to.equal('free')
  })

  it('[CL-17] client.post sends nothing where it cannot be noted first', async () => {
    let calls = 0
    const journal = await place.open()
    const client = createClient({
      journal,
      fetch: async () => {
        calls += 1
        return new Response(null, { status: 201 })
      },
    })
    rmSync(place.folder, { recursive: true })
    const error = await client.post(LINK, { sku: 'a' }).catch(error => error)
    expect(error).to.have.property('code', 'ERR_POE_JOURNAL')
    expect(error.message).to.include('make its folder first')
    expect(calls).to.equal(0)
    mkdirSync(place.folder)
    expect((await client.post(LINK, { sku: 'b' })).outcome, 'later').to.equal('accepted')
    expect(calls).to.equal(1)
  })
})

describe('a client whose journal fails later', () => {
  const full = async () => {
    throw new ClientError('ERR_POE_JOURNAL', 'full')
  }

  /** Keeps entries in memory; what `spoil` names fails. */
  function journalWith(spoil: Partial<JournalHold>, log: string[] = []): Journal {
    const hold = (entry = entryOf('a', { expiresAtMs: null })): JournalHold => ({
      entry,
      pin: async () => {},
      done: async () => void log.push('done'),
      leave: async () => void log.push('leave'),
      ...spoil,
    })
    return {
      begin: async entry => hold(entry),
      list: async () => [entryOf('a', { expiresAtMs: null })],
      take: async () => hold(),
      close: async () => {},
    }
  }
  const answers = (status: number) => async () => new Response(null, { status })

  it('[CL-17] an order that was taken is never told as if nothing was sent', async () => {
    const client = createClient({ journal: journalWith({ done: full }), fetch: answers(201) })
    expect((await client.post(LINK, { sku: 'a' })).outcome).to.equal('accepted')
  })

  it('[CL-17] nor is one of which nothing is known', async () => {
    const journal = journalWith({ leave: full })
    const client = createClient({ journal, fetch: answers(503), tries: 1 })
    expect((await client.post(LINK, { sku: 'a' })).outcome).to.equal('unknown')
    const signal = AbortSignal.abort(new Error('enough'))
    const aborting = createClient({
      journal,
      fetch: async (_input, init) => {
        throw init?.signal?.reason ?? signal.reason
      },
      onRetry: () => {
        throw new Error('of the hook')
      },
    })
    const error = await aborting.post(`${LINK}/2`, { sku: 'a' }).catch(error => error)
    expect(error.message).to.equal('of the hook')
  })

  it('what was resumed is told', async () => {
    const client = createClient({ journal: journalWith({ done: full }), fetch: answers(201) })
    const resumed = await client.resume()
    expect(resumed.map(({ outcome }) => outcome.outcome)).to.deep.equal(['accepted'])
  })

  it('an onStart that throws takes the entry out: nothing is ever sent', async () => {
    const log: string[] = []
    const client = createClient({ journal: journalWith({}, log), fetch: answers(201) })
    const onStart = () => {
      throw new Error('of the hook')
    }
    const error = await client.post(LINK, { sku: 'a' }, { onStart }).catch(error => error)
    expect(error.message).to.equal('of the hook')
    expect(log).to.deep.equal(['done'])
  })

  it('an onOutcome that throws leaves the entry for the next resume', async () => {
    const log: string[] = []
    const client = createClient({ journal: journalWith({}, log), fetch: answers(201) })
    const told: PostOutcome[] = []
    const onOutcome = (_entry: unknown, outcome: PostOutcome) => {
      told.push(outcome)
      throw new Error('of the hook')
    }
    const error = await client.resume({ onOutcome }).catch(error => error)
    expect(error.message).to.equal('of the hook')
    expect(told).to.have.length(1)
    expect(log).to.deep.equal(['leave'])
  })
})

/** Works without the rights of the superuser, where this process has them. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}
