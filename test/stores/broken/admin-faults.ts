/**
 * Sqlite stores whose operator's part has one fault each.
 */
import type { StoreAdmin } from '../../../lib/engine/store-admin.js'
import type { SqliteStore } from '../../../lib/stores/sqlite.js'

interface AdminFault {
  readonly name: string
  /** The beginning of the title of a case that must fail on it. */
  readonly title: string
  readonly change: (admin: StoreAdmin, store: SqliteStore) => Partial<StoreAdmin>
}

/** The faults. */
export const ADMIN_FAULTS: readonly AdminFault[] = [
  {
    name: 'counts what is free as undecided',
    title: 'admin: counts and finds',
    change: admin => ({
      count: async () => {
        const counts = await admin.count()
        return { ...counts, undecided: counts.undecided + counts.free }
      },
    }),
  },
  {
    name: 'hides owners, so that nothing can be released',
    title: 'admin: what it finds of a claim',
    change: admin => ({
      find: async key => {
        const record = await admin.find(key)
        return record && { ...record, owner: null }
      },
    }),
  },
  {
    name: 'says that each page is the last',
    title: 'admin: scan page by page',
    change: admin => ({
      scan: async query => ({ ...(await admin.scan(query)), cursor: null }),
    }),
  },
  {
    name: 'gives records of every state',
    title: 'admin: scan tells what find tells',
    change: admin => ({ scan: ({ state: _, ...query }) => admin.scan(query) }),
  },
  {
    name: 'replaces secrets blindly',
    title: 'admin: secrets are replaced only',
    change: (admin, store) => ({
      replaceSecrets: async (_, next) => {
        const ids = (await store.secrets([])).map(({ id }) => id)
        return await admin.replaceSecrets(ids, next)
      },
    }),
  },
  {
    name: 'finds fault without advice',
    title: 'admin: settings are named',
    change: admin => ({
      settings: async () => {
        const settings = await admin.settings()
        return settings.map(one => ({ ...one, level: 'wrong', advice: null }))
      },
    }),
  },
]

/** Puts the fault into a store. */
export function withAdminFault({ change }: AdminFault): (store: SqliteStore) => SqliteStore {
  return store => {
    const { admin } = store
    const plain: StoreAdmin = {
      count: () => admin.count(),
      find: key => admin.find(key),
      scan: query => admin.scan(query),
      settings: () => admin.settings(),
      replaceSecrets: (ids, next) => admin.replaceSecrets(ids, next),
    }
    return Object.defineProperty(store, 'admin', { value: { ...plain, ...change(admin, store) } })
  }
}
