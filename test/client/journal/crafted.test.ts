/** Journals that somebody else has written: they name no other file, and send nothing odd. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect } from 'chai'
import { entryOf, idsIn, JournalFolder } from './journal-process.js'

const OWNER = '0b9c1c1e-5f6f-4a51-9d0f-3c6b8e3f0a11'

/** A line as the journal has it: whoever can write can make the checksum, too. */
function line(record: unknown): string {
  const json = JSON.stringify(record)
  return `\n${json}\t${crc32(json).toString(16).padStart(8, '0')}\n`
}

function written(more: Readonly<Record<string, unknown>> = {}) {
  const { body, ...entry } = entryOf('crafted')
  return { ...entry, body: Buffer.from(body).toString('base64'), ...more }
}

const PATHS = ['/../victim', '../victim', 'x/../../victim', '/..'.repeat(40), 'victim', '\0', '.']

/** Entries that no client writes, by what is wrong with them. */
const ODD: Readonly<Record<string, unknown>> = {
  'no entry': null,
  'an id that is a path': written({ id: '../../x' }),
  'an id that is none': written({ id: 7 }),
  'an endless id': written({ id: 'x'.repeat(10_000) }),
  'a link to a file': written({ link: 'file:///etc/passwd' }),
  'a link with a login': written({ link: 'http://a:b@shop.example/' }),
  'a relative link': written({ link: '/once/1' }),
  'an endless link': written({ link: `http://shop.example/${'x'.repeat(100_000)}` }),
  'a login': written({ headers: [['cookie', 'a=b']] }),
  'a login in capitals': written({ headers: [['Authorization', 'Basic YTpi']] }),
  'a field that splits': written({ headers: [['x', 'a\r\ny: b']] }),
  'a name that splits': written({ headers: [['x: a\r\ny', 'b']] }),
  'fields that are none': written({ headers: { x: 'y' } }),
  'too many fields': written({ headers: Array.from({ length: 300 }, (_, n) => [`x-${n}`, '1']) }),
  'content that is no base64': written({ body: '{}' }),
  'content that is none': written({ body: null }),
  'a time beyond all': written({ createdAtMs: 9e15 }),
  'no time': written({ createdAtMs: null }),
  'an end that is none': written({ expiresAtMs: 'soon' }),
  'an origin that is none': written({ origin: 'javascript:' }),
  'a word for yes': written({ isRepeatable: 'yes' }),
}

describe('a crafted journal', () => {
  let place: JournalFolder
  let victim: string
  beforeEach(() => {
    place = new JournalFolder()
    victim = join(place.folder, 'victim')
    writeFileSync(victim, 'PRIVATE')
    utimesSync(victim, 1, 1)
  })
  afterEach(() => place.remove())

  for (const owner of PATHS) {
    it(`[FALSE-2101] an owner ${JSON.stringify(owner.slice(0, 20))} names no file`, async () => {
      // The folder that makes `<journal>.owner-x/..` a path.
      mkdirSync(join(place.folder, 'orders.journal.owner-x'))
      mkdirSync(join(place.folder, 'orders.journal.owner-'))
      writeFileSync(place.path, line({ kind: 'add', owner, entry: written() }))
      writeFileSync(`${place.path}.compact`, owner)
      const journal = await place.open({ compactBytes: 1 })
      expect(await journal.take('crafted')).to.equal(null)
      await (await journal.begin(entryOf('own'))).leave()
      expect(await idsIn(journal)).to.deep.equal(['own'])
      expect(existsSync(victim)).to.equal(true)
    })
  }

  it('[FALSE-2101] a file beside it that is no user of it is left alone', async () => {
    const names = ['orders.journal.owner-', 'orders.journal.owner-notes.txt'].map(name =>
      join(place.folder, name),
    )
    for (const name of names) {
      writeFileSync(name, 'mine')
      utimesSync(name, 1, 1)
    }
    await place.open()
    expect(names.filter(existsSync)).to.deep.equal(names)
  })

  it('[FALSE-2102] what is no entry is passed over, and what is stays', async () => {
    const records = Object.values(ODD).map(entry => line({ kind: 'add', owner: OWNER, entry }))
    const more = [
      null,
      [],
      'add',
      { kind: 'steal', id: 'crafted' },
      { kind: 'pin', id: 'crafted', link: 'file:///etc/passwd', isRepeatable: true },
      { kind: 'pin', id: 'crafted', link: 'http://shop.example/1' },
      { kind: 'take', id: 'crafted', owner: '../victim', from: OWNER },
      { kind: 'done', id: 7 },
    ].map(line)
    const whole = line({ kind: 'add', owner: OWNER, entry: written() })
    writeFileSync(place.path, [...records, whole, ...more].join(''))
    const journal = await place.open()
    expect(await journal.list()).to.deep.equal([entryOf('crafted')])
    expect((await journal.take('crafted'))?.entry).to.deep.equal(entryOf('crafted'))
  })

  for (const [what, entry] of Object.entries(ODD)) {
    it(`[FALSE-2102] ${what}: not read`, async () => {
      writeFileSync(place.path, line({ kind: 'add', owner: OWNER, entry }))
      expect(await idsIn(await place.open())).to.deep.equal([])
    })
  }

  it('[FALSE-2102] what could not be read again is not begun', async () => {
    const journal = await place.open()
    const begun = journal.begin(entryOf('../x'))
    await begun.then(
      () => expect.fail('it was begun'),
      error => expect(error).to.include({ code: 'ERR_POE_JOURNAL' }),
    )
  })

  it('[FALSE-2103] is written anew in no file of somebody else’s', async () => {
    symlinkSync(victim, `${place.path}.new`)
    const journal = await place.open({ compactBytes: 1 })
    await (await journal.begin(entryOf('a'))).done()
    await journal.begin(entryOf('b'))
    expect(readFileSync(victim, 'utf8')).to.equal('PRIVATE')
    expect(await idsIn(journal)).to.deep.equal(['b'])
  })

  it('[FALSE-2103] a file of a user that is none keeps nobody waiting', async () => {
    const owner = join(place.folder, `orders.journal.owner-${OWNER}`)
    for (const content of ['{"pid":"../../etc","host":"","began":null}', 'x'.repeat(10_000), '7']) {
      writeFileSync(owner, content)
      utimesSync(owner, 1, 1)
      writeFileSync(`${place.path}.compact`, OWNER)
      writeFileSync(place.path, line({ kind: 'add', owner: OWNER, entry: written() }))
      expect((await (await place.open()).take('crafted'))?.entry.id).to.equal('crafted')
    }
  })
})
