/** The journal in a file, used by one process: what it keeps, and what it reads of spoilt files. */
import {
  existsSync,
  lstatSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { appendFile, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createClient } from 'post-once-exactly/client'
import { sideBySide } from '../../support/side-by-side.js'
import { entryOf, idsIn, JournalFolder } from './journal-process.js'

describe('fileJournal', () => {
  let place: JournalFolder
  beforeEach(() => {
    place = new JournalFolder()
  })
  afterEach(() => place.remove())

  describe('what it keeps', () => {
    it('[CL-17] the record is in the file when begin resolves', async () => {
      const journal = await place.open()
      for (const id of ['a', 'b', 'c']) {
        await journal.begin(entryOf(id))
        const [last = ''] = place.text().trimEnd().split('\n').slice(-1)
        expect(JSON.parse(last.split('\t')[0] ?? '').entry.id).to.equal(id)
        expect(place.text().endsWith('\n')).to.equal(true)
      }
    })

    it('[CL-17] gives an entry back as it was, bytes and fields, oldest first', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
      const odd = entryOf('odd', {
        body: bytes,
        idempotencyKey: 'key "1"\n',
        headers: [['x-note', 'tab\tand ümlaut']],
        expiresAtMs: null,
        isRepeatable: false,
      })
      const first = await place.open()
      await first.begin(odd)
      await first.begin(entryOf('empty', { body: new Uint8Array() }))
      await first.close()
      const second = await place.open()
      expect(await second.list()).to.deep.equal([odd, entryOf('empty', { body: new Uint8Array() })])
    })

    it('pin moves an entry, done removes it, leave lets it be taken', async () => {
      const journal = await place.open()
      const [moved, settled, left] = await Promise.all(
        ['moved', 'settled', 'left'].map(id => journal.begin(entryOf(id))),
      )
      await moved?.pin('https://shop.example/once/target', false)
      await settled?.done()
      expect(moved?.entry).to.include({ link: 'https://shop.example/once/target' })
      const target = { link: 'https://shop.example/once/target', isRepeatable: false }
      expect(await journal.list()).to.deep.equal([entryOf('moved', target), entryOf('left')])
      expect(await journal.take('left'), 'held').to.equal(null)
      await left?.leave()
      const hold = await journal.take('left')
      expect(hold?.entry).to.deep.equal(entryOf('left'))
      expect(await journal.take('left'), 'held again').to.equal(null)
      expect(await journal.take('settled'), 'settled').to.equal(null)
      expect(await journal.take('unheard of')).to.equal(null)
    })

    it('gives an entry to one of two that take it at once', async () => {
      const journal = await place.open()
      await (await journal.begin(entryOf('a'))).leave()
      const taken = await Promise.all([1, 2, 3].map(() => journal.take('a')))
      expect(taken.filter(hold => hold !== null)).to.have.length(1)
    })

    it('begins many at once, and reads them in order', async () => {
      const journal = await place.open()
      const ids = Array.from({ length: 300 }, (_, index) => `id-${index}`)
      await Promise.all(ids.map(id => journal.begin(entryOf(id))))
      expect(await idsIn(await place.open())).to.deep.equal(ids)
    })

    it('[CL-17] keeps no login, and is readable for its owner only', async () => {
      const journal = await place.open()
      const client = createClient({
        journal,
        headers: { authorization: 'Bearer of-client', cookie: 'of=client' },
        fetch: async () => new Response(null, { status: 503 }),
        tries: 1,
      })
      const headers = {
        authorization: 'Bearer of-post',
        'proxy-authorization': 'Basic of-post',
        cookie: 'of=post',
        'x-kept': 'kept',
      }
      await client.post('https://shop.example/once/1', { sku: 'a' }, { headers })
      expect(place.text())
        .to.include('x-kept')
        .and.not.match(/of.post|of.client/)
      for (const path of [place.path, ...place.owners()]) {
        expect(statSync(path).mode & 0o777, path).to.equal(0o600)
      }
    })

    it('refuses to go on when it is closed, and takes its owner file away', async () => {
      const journal = await place.open()
      const hold = await journal.begin(entryOf('a'))
      expect(place.owners()).to.have.length(1)
      await Promise.all([journal.close(), journal.close()])
      expect(place.owners()).to.deep.equal([])
      const calls = [journal.begin(entryOf('b')), hold.done(), journal.list(), journal.take('a')]
      for (const ended of await Promise.allSettled(calls)) {
        expect(ended.status).to.equal('rejected')
        expect(codeOf(ended)).to.equal('ERR_POE_JOURNAL')
      }
      expect(await idsIn(await place.open())).to.deep.equal(['a'])
    })

    it('finishes what was begun before it was closed', async () => {
      const journal = await place.open()
      const begun = journal.begin(entryOf('a'))
      await Promise.all([journal.close(), begun])
      expect(await idsIn(await place.open())).to.deep.equal(['a'])
    })

    for (const [title, isThere] of [
      ['follows a symbolic link', true],
      ['[FALSE-4582] also to a file that is not there yet', false],
    ] as const) {
      it(`${title}, so that all of its users see each other`, async () => {
        const real = join(place.folder, 'real.journal')
        if (isThere) writeFileSync(real, '')
        symlinkSync(real, place.path)
        const one = await place.open({ compactBytes: 2_000 })
        const other = await place.open({}, real)
        await one.begin(entryOf('a'))
        expect(await other.take('a'), 'held by one that lives').to.equal(null)
        await other.close()
        for (let round = 0; round < 20; round += 1) {
          await (await one.begin(entryOf(`settled-${round}`))).done()
        }
        await one.list()
        expect(readFileSync(real, 'utf8'), 'it was compacted').to.not.include('settled-0"')
        expect(lstatSync(place.path).isSymbolicLink()).to.equal(true)
        expect(await idsIn(await place.open({}, real))).to.deep.equal(['a'])
      })
    }
  })

  describe('what it reads of a spoilt file', () => {
    let lines: readonly string[] = []
    let whole = Buffer.alloc(0)

    beforeEach(async () => {
      const journal = await place.open()
      const small = { link: 'https://a.example', body: new Uint8Array(), headers: [] }
      for (const id of ['one', 'two', 'three']) await journal.begin(entryOf(id, small))
      await journal.close()
      whole = await readFile(place.path)
      lines = whole
        .toString()
        .split('\n')
        .filter(line => line !== '')
    })

    it('[CL-17] cut off after any byte: the entries whose records are complete', async () => {
      const ends = lines.map(line => whole.indexOf(line) + line.length + 1)
      const ids = ['one', 'two', 'three']
      // Around the ends each byte counts; between them one is as good as the next.
      const isNear = (length: number) => ends.some(end => Math.abs(end - length) < 4)
      const lengths = [...Array(whole.length + 1).keys()].filter(
        length => length % 5 === 0 || isNear(length),
      )
      await sideBySide(lengths, 16, async length => {
        const copy = join(place.folder, `${length}.journal`)
        writeFileSync(copy, whole.subarray(0, length))
        const journal = await place.open({}, copy)
        const complete = ids.filter((_, index) => length >= (ends[index] ?? 0))
        expect(await idsIn(journal), `of ${length} bytes`).to.deep.equal(complete)
        await journal.begin(entryOf('four'))
        // A record that lacks nothing but its line feed is vouched for by its checksum.
        const nearly = ids.filter((_, index) => length >= (ends[index] ?? 0) - 1)
        const all = [...nearly, 'four']
        expect(await idsIn(journal), `after ${length} bytes`).to.deep.equal(all)
        await journal.close()
      })
    })

    it('a flipped byte loses its own record only', async () => {
      // Each third, so that odd and even ones are among them.
      const places = [...whole.keys()].filter(at => at % 3 === 0 || whole[at] === 0x0a)
      await sideBySide(places, 16, async at => {
        const spoilt = Buffer.from(whole)
        spoilt[at] = (spoilt[at] ?? 0) ^ (at % 2 === 0 ? 0x20 : 0x01)
        const copy = join(place.folder, `${at}.journal`)
        writeFileSync(copy, spoilt)
        const journal = await place.open({}, copy)
        const ids = await idsIn(journal)
        const rest = ['one', 'two', 'three'].filter(id => ids.includes(id))
        expect(ids, `byte ${at}`).to.deep.equal(rest)
        expect(ids.length, `byte ${at}`).to.be.at.least(2)
        await journal.close()
      })
    })

    it('lines that are none of ours are passed over', async () => {
      await appendFile(place.path, '{"kind":"add"}\n\t\n\u0000\u0000\n{}\t00000000\n\uffff')
      const journal = await place.open()
      await journal.begin(entryOf('four'))
      expect(await idsIn(journal)).to.deep.equal(['one', 'two', 'three', 'four'])
    })

    it('[FALSE-4581] however long it is: two that use it write nothing away', async () => {
      const line = 8 * 1024 * 1024
      const file = await open(place.path, 'w')
      // Lines of zeros, which take no place on the disk.
      for (let at = line; at <= 33 * line; at += line) await file.write('\n', at)
      await file.close()
      await appendFile(place.path, whole)
      const journal = await place.open()
      expect(await idsIn(journal)).to.deep.equal(['one', 'two', 'three'])
      await journal.begin(entryOf('five', { body: new Uint8Array(20 * 1024 * 1024) }))
      expect(await idsIn(await place.open())).to.deep.equal(['one', 'two', 'three', 'five'])
    })

    it('goes on in a new file where the old one was removed', async () => {
      const journal = await place.open()
      expect(await idsIn(journal)).to.have.length(3)
      rmSync(place.path)
      await journal.begin(entryOf('five'))
      expect(existsSync(place.path)).to.equal(true)
      expect(await idsIn(await place.open())).to.deep.equal(['five'])
    })
  })
})

function codeOf(ended: PromiseSettledResult<unknown>): unknown {
  return ended.status === 'rejected' ? ended.reason.code : null
}
