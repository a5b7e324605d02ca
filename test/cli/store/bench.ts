/**
 * A store with a server that lives, other servers that come and go, and `poe store` at hand.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Terminal } from '../../../lib/cli/command.js'
import { type OpenedStore, openStore, readAddress } from '../../../lib/cli/store/open-store.js'
import { makeSite, type ServerProcess, type Site } from '../../support/server-process.js'
import { emptyServerStore } from '../../support/server-stores.js'
import { poeHere } from '../fake-terminal.js'
import type { Ended } from '../poe.js'

/** The stores, and what each needs. */
export const STORES = [
  { kind: 'sqlite', needs: [] },
  { kind: 'redis', needs: ['redis-server'] },
  { kind: 'postgres', needs: ['postgres', 'initdb'] },
] as const

/** The lease of servers that are not to hold a claim for long, in milliseconds. */
export const LEASE_MS = 600

/** See the file's head. */
export class StoreBench {
  readonly folder: string
  readonly site: Site
  /** The server that lives. */
  readonly survivor: ServerProcess
  /** Which store is meant. */
  readonly flags: readonly string[]
  /** The same store, for tests to look into. */
  readonly opened: OpenedStore

  private constructor(
    parts: Pick<StoreBench, 'folder' | 'site' | 'survivor' | 'flags' | 'opened'>,
  ) {
    this.folder = parts.folder
    this.site = parts.site
    this.survivor = parts.survivor
    this.flags = parts.flags
    this.opened = parts.opened
  }

  /** Opens all of it. */
  static async open(kind: (typeof STORES)[number]['kind']): Promise<StoreBench> {
    const folder = mkdtempSync(join(tmpdir(), 'poe-store-'))
    const server = kind === 'sqlite' ? undefined : await emptyServerStore(kind)
    const site = makeSite(server)
    const survivor = await site.serve({ leaseMs: LEASE_MS, waitMs: 0 })
    // Redis has its epochs from the first link on.
    await survivor.link()
    const store = server?.url ?? `sqlite:${site.file}`
    const flags = ['--store', store]
    if (server?.kind === 'redis') flags.push('--prefix', server.name)
    if (server?.kind === 'postgres') flags.push('--schema', server.name)
    const { name } = server ?? { name: 'poe' }
    const terminal = { env: {}, folder } as unknown as Terminal
    const opened = await openStore(readAddress({ store, prefix: name, schema: name }, terminal))
    return new StoreBench({ folder, site, survivor, flags, opened })
  }

  /** Closes all of it. */
  async close(): Promise<void> {
    await this.opened.close()
    await this.site.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Runs `poe store` on this store. */
  run(...words: string[]): Promise<Ended> {
    return poeHere(['store', ...words, ...this.flags])
  }

  /** What it prints as JSON, where nothing else is to be said. */
  async json(...words: string[]) {
    const ended = await this.run(...words, '--json')
    expect(ended.err, words.join(' ')).to.equal('')
    return JSON.parse(ended.out)
  }

  /** What it prints as JSON where it changes something; what it does it says on stderr. */
  async change(...words: string[]) {
    const ended = await this.run(...words, '--yes', '--json')
    expect(ended.code, ended.err).to.equal(0)
    return JSON.parse(ended.out)
  }

  async isUndecided(link: string): Promise<boolean> {
    return (await this.opened.admin.find(keyOf(link)))?.state === 'undecided'
  }
}

/** The key of a link's record. */
export function keyOf(link: string): string {
  const token = link.split('/').at(-1) ?? ''
  return `order:${token.slice(25, 47)}`
}
