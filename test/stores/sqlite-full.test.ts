/**
 * A disk that is really full: a file system of 1 MB, where it is allowed to mount one.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { sqliteStore } from '../../lib/stores/sqlite.js'
import { claimState, outcome } from './helpers/claims.js'

const LEFT_BYTES = 100 * 1_024

interface SmallDisk {
  readonly folder: string
  remove(): void
}

/** A folder on a disk with little room; `null` where nothing may be mounted. */
function smallDisk(): SmallDisk | null {
  const folder = mkdtempSync(join(tmpdir(), 'poe-full-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    remove()
    return null
  }
  return {
    folder,
    remove() {
      execFileSync('umount', ['-l', folder])
      remove()
    },
  }
}

/** Leaves so much of a disk. */
function fill(folder: string): void {
  const filler = join(folder, 'filler')
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(filler, Buffer.alloc(bavail * bsize))
  truncateSync(filler, bavail * bsize - LEFT_BYTES)
}

const probe = smallDisk()
// Titles are listed without a run, which takes nothing away.
probe?.remove()
if (probe === null) console.error('not tested: a full disk, for which nothing may be mounted here')
else
  describe('sqlite on a disk that is full', () => {
    let disk: SmallDisk
    before(() => {
      disk = smallDisk() as SmallDisk
    })
    after(() => disk.remove())

    it('[FALSE-1604] one large outcome keeps no neighbour from being recorded', async () => {
      const { folder } = disk
      const store = sqliteStore(join(folder, 'store.db'))
      for (const key of ['small', 'large', 'other']) await claimState(store, key)
      fill(folder)
      const codes = await Promise.allSettled([
        store.complete('small', 'owner', outcome()),
        store.complete('large', 'owner', outcome('x'.repeat(200_000))),
        store.complete('other', 'owner', outcome()),
      ])
      const told = codes.map(end =>
        end.status === 'fulfilled' ? end.value.state : end.reason.code,
      )
      expect(told).to.deep.equal(['ok', 'ERR_POE_STORE_FULL', 'ok'])
      expect((await store.read('small', null)).state).to.equal('spent')
      expect(
        (await store.complete('large', 'owner', { head: '[200,[],"k"]', body: null })).state,
      ).to.equal('ok')
      await store.close()
    })
  })
