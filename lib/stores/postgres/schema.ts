/**
 * The schema of the PostgreSQL store: its tables, and what its functions share. `functions.ts` has
 * the functions themselves, which are the store's atomic steps.
 *
 * All times are milliseconds since the Unix epoch by the server's clock.
 */
import { batchSql } from './batch-functions.js'
import {
  claimSql,
  finishSql,
  isOwnMemory,
  listSql,
  readSql,
  settleSql,
  signMemory,
  upkeepSql,
  writeMemory,
  writesSql,
} from './functions.js'
import { outboxSql } from './outbox-schema.js'
import { IS_STANDBY, LINE, SLICE_MS } from './states.js'

/** The version of what follows; `epoch()` tells it. */
export const SCHEMA_VERSION = 4

/**
 * One record a key. Eight columns, so that the row's header stays small; `told` is fingerprint and
 * principal in one. Running and undecided: `head` is null, `owner` its name. Spent: `owner` is a
 * mark of whoever spent it, or of whoever decided it from outside.
 */
const tables = (poe: string): string => `
  CREATE SCHEMA IF NOT EXISTS ${poe};
  CREATE TABLE ${poe}.record (
    key uuid PRIMARY KEY,
    keep_until_ms bigint,
    lease_until_ms bigint,
    means_doubt boolean,
    owner bytea,
    told bytea NOT NULL,
    head bytea,
    body bytea
  );
  ALTER TABLE ${poe}.record ALTER COLUMN body SET STORAGE EXTERNAL;
  CREATE INDEX record_slice ON ${poe}.record ((keep_until_ms / ${SLICE_MS}))
    WHERE keep_until_ms IS NOT NULL;
  CREATE TABLE ${poe}.memory (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch text NOT NULL,
    timeline text NOT NULL,
    table_oid oid NOT NULL
  );
  CREATE TABLE ${poe}.secret (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    list jsonb NOT NULL
  );`

/**
 * The names of the records whose silence means doubt: a record itself is known by its key's hash.
 * A table of its own, so that neither the many spent records nor claims in a transaction pay for
 * it; an index on the records would make every completion write all of its indexes anew.
 */
const names = (poe: string): string => `
  CREATE TABLE IF NOT EXISTS ${poe}.doubt (
    key uuid PRIMARY KEY,
    name bytea NOT NULL
  );`

const helpers = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.version() RETURNS integer LANGUAGE sql IMMUTABLE AS
    'SELECT ${SCHEMA_VERSION}';

  CREATE OR REPLACE FUNCTION ${poe}.now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

  -- Which history this server writes: another one after a failover or a point-in-time recovery.
  CREATE OR REPLACE FUNCTION ${poe}.timeline() RETURNS text LANGUAGE plpgsql STABLE AS $$
  BEGIN
    IF pg_is_in_recovery() THEN
      RAISE EXCEPTION 'the server is a standby, or is still recovering'
        USING ERRCODE = '${IS_STANDBY}';
    END IF;
    RETURN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
  END $$;

  -- The epoch while it holds: not on another timeline, not in tables that a dump made anew.
  CREATE OR REPLACE FUNCTION ${poe}.valid_epoch() RETURNS text LANGUAGE sql STABLE AS
    $$SELECT epoch FROM ${poe}.memory WHERE ${isOwnMemory(poe)}$$;

  -- What was waited for in vain is an error, and what was answered is on the disk.
  CREATE OR REPLACE FUNCTION ${poe}.be_strict(lock_ms integer) RETURNS void
  LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM set_config('lock_timeout', lock_ms::text, true);
    IF current_setting('synchronous_commit') = 'off' THEN
      PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
  END $$;

  -- Claims that make a record and releases of one key follow each other, so that a release that
  -- finds nothing knows that no claim is about to be committed.
  CREATE OR REPLACE FUNCTION ${poe}.line_up(key uuid) RETURNS void LANGUAGE sql AS
    'SELECT pg_advisory_xact_lock(${LINE}, hashtext(key::text))';`

/** Functions of earlier versions whose parameters were others. */
const formerly = (poe: string): string => `
  DROP FUNCTION IF EXISTS ${poe}.claim(
    uuid, bytea, text, bigint, bigint, bigint, bigint, boolean, bytea, integer);
  DROP FUNCTION IF EXISTS ${poe}.claim(
    uuid, bytea, text, bigint, bigint, bigint, bigint, boolean, bytea, bytea, integer);
  DROP FUNCTION IF EXISTS ${poe}.mark(uuid, bytea, integer);`

/** An earlier migration left the epoch's row as a dump would bring it. */
const ownMemory = (poe: string): string => `
  DO $$ BEGIN
    IF pg_get_functiondef('${poe}.valid_epoch'::regproc) LIKE '%xmin%' THEN RETURN; END IF;
    ${writeMemory}
    UPDATE ${poe}.memory SET timeline = '' WHERE epoch = ${poe}.valid_epoch();
    ${signMemory(poe)}
  END $$;`

/**
 * The statements that make the schema.
 *
 * @param poe - its name, quoted
 * @param isNew - whether the tables have to be made too
 */
export function schemaSql(poe: string, isNew: boolean): string {
  const parts = [names, helpers, claimSql, readSql, writesSql, finishSql, settleSql, listSql]
  const made = isNew ? [tables] : [ownMemory, formerly]
  return [...made, ...parts, batchSql, upkeepSql, outboxSql].map(part => part(poe)).join('\n')
}
