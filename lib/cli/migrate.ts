/**
 * `poe migrate`: makes the tables of the PostgreSQL store, or brings them to this version.
 */
import { parseArgs } from 'node:util'
import type { Migration, PostgresPool } from '../stores/postgres.js'
import { type Command, Misuse, type Terminal } from './command.js'
import { missingDriver } from './missing-driver.js'

const HELP = `Usage: poe migrate [<url>] [--schema <name>] [--print]

Makes the tables of the PostgreSQL store, or brings them to this version. Harmless to repeat.

  <url>             postgres://user@host/database; by default what POE_STORE says, as for
                    poe store, or DATABASE_URL
  --schema <name>   the schema that holds them. Default: poe
  --print           print the SQL of a new schema instead of running it

The role needs the right to create a schema. The role of the application then needs
  GRANT USAGE ON SCHEMA poe TO app;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA poe TO app;

Exit codes: 0 done, 1 the server refused, 2 misuse.`

/** The command. */
export const MIGRATE: Command = {
  name: 'migrate',
  summary: 'make the tables of the PostgreSQL store, or update them',
  help: HELP,
  run: migrateCommand,
}

async function migrateCommand(args: string[], terminal: Terminal): Promise<number> {
  const { url, schema, isPrinted } = read(args, terminal.env)
  try {
    const { postgresMigrationSql, postgresStore } = await import('../stores/postgres.js')
    if (isPrinted) {
      terminal.out(postgresMigrationSql(schema))
      return 0
    }
    const pool = await openPool(url)
    try {
      const store = postgresStore({ pool, schema })
      terminal.out(told(await store.migrate(), schema))
      await store.close()
    } finally {
      await pool.end()
    }
    return 0
  } catch (error) {
    if (error instanceof TypeError) throw new Misuse(error.message)
    const text = missingDriver(error) ?? (error instanceof Error ? error.message : String(error))
    terminal.err(text)
    return 1
  }
}

interface Arguments {
  readonly url: string
  readonly schema: string
  readonly isPrinted: boolean
}

function read(args: string[], env: Terminal['env']): Arguments {
  const { values, positionals } = parse(args)
  const [given, ...more] = positionals
  if (more.length > 0) throw new Misuse('Give one URL.')
  const url = given ?? [env.POE_STORE, env.DATABASE_URL].find(isPostgres)
  const isPrinted = values.print ?? false
  if (!isPrinted && !isPostgres(url)) {
    throw new Misuse('Give a URL that begins with postgres://, or set POE_STORE or DATABASE_URL.')
  }
  return { url: url ?? '', schema: values.schema ?? 'poe', isPrinted }
}

function isPostgres(url = ''): boolean {
  return /^postgres(?:ql)?:\/\//.test(url)
}

function parse(args: string[]) {
  try {
    const options = { schema: { type: 'string' }, print: { type: 'boolean' } } as const
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error))
  }
}

async function openPool(url: string): Promise<PostgresPool> {
  const { connectionPool } = await import('../stores/postgres/driver.js')
  return connectionPool(url)
}

function told({ from, to }: Migration, schema: string): string {
  if (from === null) return `Made the schema ${schema}, version ${to}.`
  if (from === to) return `The schema ${schema} has version ${to} already.`
  return `Brought the schema ${schema} from version ${from} to ${to}.`
}
