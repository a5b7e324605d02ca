/**
 * Which settings of a PostgreSQL server make the store reliable or not, as a table.
 */
import type { StoreSetting } from '../../engine/store-admin.js'

interface Rule {
  readonly isRight: (value: string) => boolean
  readonly level: 'doubtful' | 'wrong'
  readonly advice: string
}

const isOn = (value: string): boolean => value === 'on'
const LEAST_TIMEOUT_MS = 2_000
/** 0 is for ever. */
const isLongEnough = (value: string): boolean => value === '0' || Number(value) >= LEAST_TIMEOUT_MS

/** By the setting's name. */
export const SETTINGS: Readonly<Record<string, Rule>> = {
  fsync: {
    isRight: isOn,
    level: 'wrong',
    advice: 'A crash of the machine may lose or spoil records. Set it on, and restart the server.',
  },
  full_page_writes: {
    isRight: isOn,
    level: 'wrong',
    advice: 'A power cut may spoil pages. Set it on, unless the file system never tears a page.',
  },
  synchronous_commit: {
    isRight: value => value !== 'off' && value !== 'local',
    level: 'doubtful',
    advice:
      'The store turns `off` on for its own writes, `local` stays: a failover may then lose what ' +
      'was answered. ALTER DATABASE ... SET synchronous_commit = on.',
  },
  transaction_read_only: {
    isRight: value => !isOn(value),
    level: 'wrong',
    advice: 'This session cannot write. Connect to the primary, as a role that may write.',
  },
  statement_timeout: {
    isRight: isLongEnough,
    level: 'doubtful',
    advice: 'Under 2 s it ends calls of the store. Raise it for this role.',
  },
  autovacuum: {
    isRight: isOn,
    level: 'doubtful',
    advice: 'Purged records take room until a VACUUM. Set it on.',
  },
}

/**
 * Judges what a server has.
 *
 * @param found - values by the setting's name
 */
export function settingsOf(found: ReadonlyMap<string, string>): StoreSetting[] {
  return Object.entries(SETTINGS).map(([name, { isRight, level, advice }]) => {
    const value = found.get(name)
    if (value === undefined) {
      const unseen = `It cannot be read by this role. ${advice}`
      return { name, value: 'unknown', level: 'doubtful', advice: unseen }
    }
    if (isRight(value)) return { name, value, level: 'right', advice: null }
    return { name, value, level, advice }
  })
}
