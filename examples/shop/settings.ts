/** Reads the shop's settings from the environment; whatever is wrong becomes one clear line. */

/** Where links, outcomes and orders are kept. */
export type StoreSetting =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'redis' | 'postgres'; readonly url: string }

/** What the shop is started with. */
export interface Settings {
  /** 0 for any free port. */
  readonly port: number
  /** The address that it listens at; others than 127.0.0.1 open it to the network. */
  readonly host: string
  readonly store: StoreSetting
  readonly faults: boolean
  /** Milliseconds; `undefined` for the library's default. */
  readonly leaseMs: number | undefined
  /** How long links live, in milliseconds; `undefined` for the library's default. */
  readonly linkLifeMs: number | undefined
}

/** A setting that cannot be used; its message is meant for whoever typed it. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
}

const DEFAULT_PORT = '3000'
const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_STORE = 'sqlite:shop.db'

/**
 * Reads `PORT`, `POE_STORE`, `DEMO_HOST`, `DEMO_FAULTS`, `DEMO_LEASE_MS` and `DEMO_LINK_LIFE_MS`;
 * one that is empty is as if absent.
 *
 * @param env - as `process.env`
 * @throws {SettingError} when one cannot be used
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  return {
    port: readPort(env.PORT || DEFAULT_PORT),
    host: env.DEMO_HOST || DEFAULT_HOST,
    store: readStore(env.POE_STORE || DEFAULT_STORE),
    faults: env.DEMO_FAULTS === '1',
    leaseMs: env.DEMO_LEASE_MS ? readMs('DEMO_LEASE_MS', env.DEMO_LEASE_MS) : undefined,
    linkLifeMs: env.DEMO_LINK_LIFE_MS
      ? readMs('DEMO_LINK_LIFE_MS', env.DEMO_LINK_LIFE_MS)
      : undefined,
  }
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) {
    throw new SettingError(`PORT=${text} is no port: give a number from 0 to 65535 (0: any free).`)
  }
  return port
}

function readStore(text: string): StoreSetting {
  const scheme = text.slice(0, text.indexOf(':') + 1)
  const rest = text.slice(scheme.length)
  switch (scheme) {
    case 'memory:':
      if (rest === '') return { kind: 'memory' }
      throw new SettingError(`POE_STORE=${text}: nothing may follow "memory:".`)
    case 'sqlite:':
      if (rest !== '') return { kind: 'sqlite', file: rest }
      throw new SettingError('POE_STORE=sqlite: lacks its file, as in sqlite:shop.db.')
    case 'redis:':
    case 'rediss:':
      return { kind: 'redis', url: serverUrl(text) }
    case 'postgres:':
    case 'postgresql:':
      return { kind: 'postgres', url: serverUrl(text) }
    default:
      throw new SettingError(
        `POE_STORE=${text} is no store: give sqlite:<file>, postgres://, redis:// or memory:.`,
      )
  }
}

/** What is wrong is not repeated: a password may be in it. */
function serverUrl(text: string): string {
  if (URL.canParse(text) && new URL(text).host !== '') return text
  const scheme = text.slice(0, text.indexOf(':'))
  throw new SettingError(`POE_STORE=${scheme}: is no URL: as in ${scheme}://user@127.0.0.1/name.`)
}

function readMs(name: string, text: string): number {
  const ms = /^\d{1,8}$/.test(text) ? Number(text) : 0
  if (ms >= 100) return ms
  throw new SettingError(`${name}=${text} cannot be used: give milliseconds, at least 100.`)
}
