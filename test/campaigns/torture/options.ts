/** Reads the command line; what is wrong with it becomes one clear line. */
import { parseArgs } from 'node:util'

/** Where links and orders are kept. */
export type StoreName = 'sqlite' | 'postgres' | 'redis'

/** A fault that is built in on purpose, to see that the run finds it. */
export type Plant = 'owner' | 'outside-transaction' | 'own-success' | 'no-join'

/** What Redis keeps when it dies. */
export type Persistence = 'always' | 'everysec' | 'failover'

/** What a run is asked to do. */
export interface TortureOptions {
  readonly store: StoreName
  readonly forMs: number
  readonly seed: number
  readonly plant: Plant | null
  readonly persistence: Persistence
  /** What writes the orders of all shops but one, where that is not the shop's own SQL. */
  readonly by: 'knex' | null
  readonly json: boolean
}

/** Something that keeps the run from starting; its message says what to do about it. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun'
}

/** What `--help` prints. */
export const HELP = `npm run torture -- [options]

Kills, freezes, stalls and cuts off shops and their store while clients order, makes commits slow,
and then compares what the clients were told with the orders in the database.

  --store sqlite|postgres|redis   where links and orders are kept (default sqlite)
  --minutes <n>                   how long, fractions allowed (default 1)
  --seed <n>                      plan to play; a run prints its own (default: by the clock)
  --persistence always|everysec|failover
                                  redis only: what it keeps when it dies (default always)
  --by knex                       postgres only: all shops but one write orders by Knex and a
                                  joining pool
  --plant owner|outside-transaction|own-success|no-join
                                  break the shop on purpose: the run must find it, and then ends
  --json                          close with one line of JSON
  --help                          this text

Exit status: 0 nothing found, 1 a violation, 2 could not run.
Ctrl-C ends the run early and judges what there is; a second one leaves at once.`

const SPEC = {
  store: { type: 'string' },
  minutes: { type: 'string' },
  seconds: { type: 'string' },
  seed: { type: 'string' },
  plant: { type: 'string' },
  persistence: { type: 'string' },
  by: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/**
 * Reads the arguments. `--seconds` stands in for `--minutes` in tests.
 *
 * @returns the options, or `help`
 * @throws {CannotRun} when they cannot be used
 */
export function readOptions(args: readonly string[], nowMs: number): TortureOptions | 'help' {
  const values = parse(args)
  if (values.help === true) return 'help'
  const store = oneOf('store', values.store, ['sqlite', 'postgres', 'redis'] as const) ?? 'sqlite'
  const plants = ['owner', 'outside-transaction', 'own-success', 'no-join'] as const
  const plant = oneOf('plant', values.plant, plants)
  const kept = ['always', 'everysec', 'failover'] as const
  const persistence = oneOf('persistence', values.persistence, kept)
  if (persistence !== null && store !== 'redis') {
    throw new CannotRun('--persistence is for --store redis: leave it out, or change the store.')
  }
  if (plant === 'outside-transaction' && store === 'redis') {
    throw new CannotRun(
      '--plant outside-transaction needs a store with transactions: take sqlite or postgres.',
    )
  }
  const seconds = number('seconds', values.seconds, 1, 600)
  const minutes = number('minutes', values.minutes, 0.05, 1_440)
  if (plant === 'own-success' && store !== 'postgres') {
    throw new CannotRun('--plant own-success needs a COMMIT that can be slow: take postgres.')
  }
  const by = oneOf('by', values.by, ['knex'] as const)
  if (by !== null && store !== 'postgres') {
    throw new CannotRun('--by knex is for --store postgres: leave it out, or change the store.')
  }
  if (plant === 'no-join' && by === null) {
    throw new CannotRun('--plant no-join is for what joins: give --by knex.')
  }
  return {
    store,
    plant,
    by,
    persistence: persistence ?? 'always',
    forMs: seconds === null ? Math.round((minutes ?? 1) * 60_000) : seconds * 1_000,
    seed: wholeSeed(values.seed) ?? Math.floor(nowMs) % 1_000_000,
    json: values.json ?? false,
  }
}

type Values = ReturnType<typeof parseArgs<{ options: typeof SPEC }>>['values']

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options: SPEC }).values
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new CannotRun(`${reason} Try --help.`)
  }
}

function oneOf<Name extends string>(
  option: string,
  given: string | undefined,
  names: readonly Name[],
): Name | null {
  if (given === undefined) return null
  const found = names.find(name => name === given)
  if (found !== undefined) return found
  throw new CannotRun(`--${option} ${given} is not known: give ${names.join(', ')}.`)
}

function number(
  option: string,
  given: string | undefined,
  least: number,
  most: number,
): number | null {
  if (given === undefined) return null
  const value = /^\d+(\.\d+)?$/.test(given) ? Number(given) : Number.NaN
  if (value >= least && value <= most) return value
  throw new CannotRun(`--${option} ${given} cannot be used: give a number, ${least} to ${most}.`)
}

function wholeSeed(given: string | undefined): number | null {
  if (given === undefined) return null
  if (/^\d{1,9}$/.test(given)) return Number(given)
  throw new CannotRun(`--seed ${given} cannot be used: give a whole number, 0 to 999999999.`)
}
