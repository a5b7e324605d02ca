/** The journal in a file, used by several processes, of which some are killed or fall asleep. */
import { existsSync, renameSync, rmSync, statSync, utimesSync, watch, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Journal } from 'post-once-exactly/client'
import { latch, until } from '../../support/meeting.js'
import { entryOf, idsIn, JournalFolder, type JournalProcess } from './journal-process.js'

describe('fileJournal between processes', () => {
  let place: JournalFolder
  beforeEach(() => {
    place = new JournalFolder()
  })
  afterEach(() => place.remove())

  /** The owner file of a process, which must be the only one that opened the journal so far. */
  const ownerOf = (): string => {
    const [path = '', ...more] = place.owners()
    expect(more).to.deep.equal([])
    return path
  }
  const fallAsleep = (process: JournalProcess, ownerFile: string): void => {
    process.child.kill('SIGSTOP')
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(ownerFile, longAgo, longAgo)
  }

  describe('sharing', () => {
    it('two processes begin 200 each, and both read all of them', async () => {
      const [one, other] = await Promise.all([place.start(), place.start()])
      const ids = (name: string) => Array.from({ length: 200 }, (_, index) => `${name}-${index}`)
      const begin = (process: JournalProcess, name: string, at: number) =>
        process.tell({ do: 'begin', ids: ids(name).slice(at, at + 10) })
      for (let at = 0; at < 200; at += 10) {
        await Promise.all([begin(one, 'one', at), begin(other, 'other', at)])
      }
      const [first, second] = await Promise.all([
        one.tell({ do: 'list' }),
        other.tell({ do: 'list' }),
      ])
      expect(first.ids).to.have.members([...ids('one'), ...ids('other')])
      expect(second.ids, 'in the same order').to.deep.equal(first.ids)
      const names = first.ids.map(id => id.split('-')[0])
      const turns = names.filter((name, at) => name !== names[at - 1])
      expect(turns.length, 'they were interleaved').to.be.above(4)
    })

    it('an entry that two processes take at once goes to one of them', async () => {
      const journal = await place.open()
      const ids = Array.from({ length: 25 }, (_, index) => `id-${index}`)
      for (const id of ids) await (await journal.begin(entryOf(id))).leave()
      const several = await Promise.all([place.start(), place.start()])
      for (const id of ids) {
        const reports = await Promise.all(several.map(one => one.tell({ do: 'take', id })))
        expect(
          reports.flatMap(report => report.ids),
          id,
        ).to.deep.equal([id])
      }
    })

    it('what one settles or leaves, the other sees', async () => {
      const journal = await place.open()
      const other = await place.start()
      await other.tell({ do: 'begin', ids: ['done', 'left'] })
      expect(await journal.take('left'), 'held').to.equal(null)
      await other.tell({ do: 'done', id: 'done' })
      await other.tell({ do: 'leave', id: 'left' })
      expect(await idsIn(journal)).to.deep.equal(['left'])
      expect(await journal.take('left')).to.not.equal(null)
      expect((await other.tell({ do: 'take', id: 'left' })).ids, 'held').to.deep.equal([])
    })
  })

  describe('the dead and the sleeping', () => {
    it('[CL-17] what a killed process held can be taken at once', async () => {
      const journal = await place.open()
      const other = await place.start()
      await other.tell({ do: 'begin', ids: ['a', 'b'] })
      expect(await journal.take('a'), 'while it lives').to.equal(null)
      expect(place.owners()).to.have.length(2)
      await other.kill()
      expect((await journal.take('a'))?.entry.id).to.equal('a')
      expect(place.owners(), 'the file of the dead is removed').to.have.length(1)
      expect((await journal.take('b'))?.entry.id).to.equal('b')
    })

    it('[CL-17] a process with the number of a dead one is not taken for it', async () => {
      const other = await place.start()
      await other.tell({ do: 'begin', ids: ['a'] })
      const file = ownerOf()
      await other.kill()
      // As after a container's restart: the same host, and the same number once more.
      const owner = { pid: process.pid, host: hostname(), began: '1' }
      writeFileSync(file, JSON.stringify(owner))
      const journal = await place.open()
      expect((await journal.take('a'))?.entry.id).to.equal('a')
    })

    it('of another machine only the time of its file tells', async () => {
      const other = await place.start()
      await other.tell({ do: 'begin', ids: ['a'] })
      const file = ownerOf()
      await other.kill()
      writeFileSync(file, JSON.stringify({ pid: 1, host: 'elsewhere', began: null }))
      const journal = await place.open()
      expect(await journal.take('a')).to.equal(null)
      const longAgo = new Date(Date.now() - 60_000)
      utimesSync(file, longAgo, longAgo)
      expect(await journal.take('a')).to.not.equal(null)
    })

    it('an owner whose file tells nothing is believed for as long as it is young', async () => {
      const other = await place.start()
      await other.tell({ do: 'begin', ids: ['a'] })
      const file = ownerOf()
      await other.kill()
      writeFileSync(file, '')
      const journal = await place.open()
      expect(await journal.take('a')).to.equal(null)
      writeFileSync(file, '{"pid":')
      expect(await journal.take('a')).to.equal(null)
      const longAgo = new Date(Date.now() - 60_000)
      utimesSync(file, longAgo, longAgo)
      expect(await journal.take('a')).to.not.equal(null)
    })

    it('one that sleeps for too long loses its entry, and is a user again afterwards', async () => {
      const other = await place.start()
      const file = ownerOf()
      const journal = await place.open()
      await other.tell({ do: 'begin', ids: ['a', 'b'] })
      other.child.kill('SIGSTOP')
      expect(await journal.take('a'), 'asleep for a moment').to.equal(null)
      fallAsleep(other, file)
      expect(await journal.take('a'), 'asleep for long').to.not.equal(null)
      expect(existsSync(file)).to.equal(false)
      other.child.kill('SIGCONT')
      await until(() => existsSync(file), 'its heart beats again')
      expect((await other.tell({ do: 'take', id: 'a' })).ids, 'the new owner').to.deep.equal([])
      expect(await journal.take('b'), 'it lives').to.equal(null)
    })
  })

  describe('writing anew', () => {
    const small = { compactBytes: 2_000 }
    /** Begins and settles; whether the file still tells of that. */
    const work = async (journal: Journal, name: string, rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        await (await journal.begin(entryOf(`${name}-${round}`))).done()
      }
    }
    const tellsOf = (name: string): boolean => place.text().includes(`"${name}-0"`)

    it('keeps what is open, with pins and owners, and is done when alone', async () => {
      const journal = await place.open(small)
      const other = await place.start()
      await other.tell({ do: 'begin', ids: ['free', 'dead'] })
      await other.tell({ do: 'leave', id: 'free' })
      await other.kill()
      const pinned = await journal.begin(entryOf('pinned'))
      await pinned.pin('https://shop.example/once/target', false)
      await work(journal, 'settled', 8)
      await until(() => !tellsOf('settled'), 'the file was replaced')
      expect(statSync(place.path).mode & 0o777).to.equal(0o600)
      const [, , entry] = await journal.list()
      expect(await idsIn(journal)).to.deep.equal(['free', 'dead', 'pinned'])
      expect(entry).to.include({ link: 'https://shop.example/once/target', isRepeatable: false })
      const reader = await place.start()
      expect((await reader.tell({ do: 'take', id: 'pinned' })).ids, 'held').to.deep.equal([])
      expect((await reader.tell({ do: 'take', id: 'dead' })).ids).to.deep.equal(['dead'])
      expect((await reader.tell({ do: 'take', id: 'free' })).ids).to.deep.equal(['free'])
      await pinned.done()
      expect(await idsIn(journal)).to.deep.equal(['free', 'dead'])
    })

    it('is not done while another process lives', async () => {
      const journal = await place.open(small)
      const other = await place.start()
      await journal.begin(entryOf('first'))
      await work(journal, 'together', 20)
      expect(tellsOf('together')).to.equal(true)
      expect(existsSync(`${place.path}.compact`)).to.equal(false)
      await other.tell({ do: 'close' })
      await work(journal, 'alone', 40)
      await until(() => !tellsOf('together'), 'the file was replaced')
      expect(await idsIn(journal)).to.deep.equal(['first'])
    })

    it('a process that enters waits for one that lives, and not for a dead one', async () => {
      const other = await place.start()
      const marker = `${place.path}.compact`
      const owner = ownerOf().slice(`${place.path}.owner-`.length)
      writeFileSync(marker, owner)
      const opened = latch()
      const entering = place.spawn()
      entering.child.once('message', () => opened.open())
      await until(() => place.owners().length === 2, 'it enters')
      await pause(100)
      expect(opened.isOpen, 'while the marker is there').to.equal(false)
      rmSync(marker)
      await opened.opened
      writeFileSync(marker, owner)
      await Promise.all([other.kill(), entering.kill()])
      await place.open()
    })

    it('the marker of a dead process does not keep others from it for ever', async () => {
      writeFileSync(`${place.path}.compact`, 'of nobody')
      const journal = await place.open(small)
      await journal.begin(entryOf('open'))
      await work(journal, 'settled', 30)
      await until(() => !tellsOf('settled'), 'the file was replaced')
      expect(await idsIn(journal)).to.deep.equal(['open'])
    })

    it('[CL-17] one that slept meanwhile goes on in the new file', async () => {
      const other = await place.start()
      const file = ownerOf()
      await other.tell({ do: 'begin', ids: ['before'] })
      const journal = await place.open(small)
      fallAsleep(other, file)
      await work(journal, 'settled', 20)
      await until(() => !tellsOf('settled'), 'the file was replaced')
      other.child.kill('SIGCONT')
      expect((await other.tell({ do: 'begin', ids: ['after'] })).ids).to.deep.equal(['after'])
      expect(await idsIn(journal)).to.deep.equal(['before', 'after'])
      await other.tell({ do: 'done', id: 'before' })
      expect(await idsIn(journal)).to.deep.equal(['after'])
    })

    it('[CL-17] one that wakes while the file is being replaced loses nothing', async () => {
      const journal = await place.open()
      const [own = ''] = place.owners()
      const other = await place.start()
      const [file = ''] = place.owners().filter(path => path !== own)
      // What this process would do: mark, see that the other is dead, and copy what there is.
      other.child.kill('SIGSTOP')
      rmSync(file)
      writeFileSync(`${place.path}.compact`, basename(own).split('.owner-')[1] ?? '')
      writeFileSync(`${place.path}.new`, '')
      other.child.kill('SIGCONT')
      const begun = other.tell({ do: 'begin', ids: ['a'] })
      await until(() => place.text().includes('"a"'), 'it wrote to the old file')
      renameSync(`${place.path}.new`, place.path)
      rmSync(`${place.path}.compact`)
      expect((await begun).ids).to.deep.equal(['a'])
      expect(await idsIn(journal)).to.deep.equal(['a'])
    })

    it('[CL-17] one that is taken for dead while it replaces the file leaves it', async () => {
      const journal = await place.open(small)
      const own = ownerOf()
      const { ino } = statSync(place.path)
      let began = 0
      const watcher = watch(dirname(place.path), (_, name) => {
        if (name !== `${basename(place.path)}.new`) return
        began += 1
        rmSync(own, { force: true })
      })
      await work(journal, 'settled', 20)
      watcher.close()
      expect(began, 'it was to be replaced').to.be.above(0)
      expect(statSync(place.path).ino, 'others may have written to it').to.equal(ino)
      expect(await idsIn(journal)).to.deep.equal([])
    })
  })
})
