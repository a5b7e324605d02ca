/**
 * A file that is mounted without its folder, as `docker run -v ./shop.db:/app/shop.db` does, where
 * it is allowed to mount one.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { sqliteStore } from '../../lib/stores/sqlite.js'
import { claimState } from './helpers/claims.js'

const folder = join(tmpdir(), `poe-mounted-${process.pid}`)
const inside = join(folder, 'in side')
const mounted = join(inside, 'store.db')

function bind(from: string, to: string): void {
  execFileSync('mount', ['--bind', from, to], { stdio: 'ignore' })
}

function umount(place: string): void {
  execFileSync('umount', ['-l', place])
}

function mountFile(): void {
  mkdirSync(inside, { recursive: true })
  for (const file of [join(folder, 'store.db'), mounted]) writeFileSync(file, '')
  bind(join(folder, 'store.db'), mounted)
}

function mayMount(): boolean {
  try {
    mountFile()
    umount(mounted)
    return true
  } catch {
    console.error('not tested: a file that is mounted, for nothing may be mounted here')
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (mayMount()) {
  describe('a sqlite file that is mounted without its folder', () => {
    before(mountFile)
    after(() => {
      umount(mounted)
      rmSync(folder, { recursive: true })
    })

    it('[FALSE-4558] is refused: what is in its WAL would go with the container', () => {
      expect(() => sqliteStore(mounted)).to.throw(/mounted without its folder/)
      symlinkSync(mounted, join(folder, 'link.db'))
      expect(() => sqliteStore(join(folder, 'link.db'))).to.throw(/mounted without its folder/)
      expect(readdirSync(inside)).to.deep.equal(['store.db'])
    })

    it('[FALSE-4558] one whose folder is mounted, or that leads there, is as any', async () => {
      const shared = join(folder, 'shared')
      const place = join(folder, 'place')
      for (const made of [shared, place]) mkdirSync(made)
      bind(shared, place)
      try {
        symlinkSync(join(place, 'store.db'), join(folder, 'other.db'))
        const store = sqliteStore(join(folder, 'other.db'))
        expect(await claimState(store, 'key')).to.equal('claimed')
        await store.close()
      } finally {
        umount(place)
      }
    })
  })
}
