/** Links and orders in a PostgreSQL server of the run's own. */

import { startPostgres } from '../../../support/servers/postgres-server.js'
import { findProgram } from '../../../support/servers/programs.js'
import type { OrderRow } from '../history.js'
import { CannotRun } from '../options.js'
import type { Backend } from './backend.js'

const ORDERS = 'SELECT id::float8 AS id, sku, qty, "user" FROM shop_order'

/** A commit takes as long as the order's sku says. */
const SLOW_COMMIT = `
  CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_sleep(coalesce(substring(NEW.sku from '[.]c([0-9]{1,5})$')::float8, 0) / 1000);
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON shop_order DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION slow_commit()`

/**
 * Makes a cluster and starts its server.
 *
 * @throws {CannotRun} where PostgreSQL is not installed
 */
export async function postgresBackend(): Promise<Backend> {
  for (const program of ['postgres', 'initdb']) {
    if (findProgram(program) !== null) continue
    throw new CannotRun(
      `${program} is not found: install PostgreSQL (Debian: apt install postgresql).`,
    )
  }
  const server = await startPostgres()
  return {
    title: 'postgres',
    isExternal: false,
    mayForget: false,
    dwellMs: 150,
    server: {
      port: server.port,
      kill: () => server.kill(),
      restart: () => server.start(),
      freeze: () => server.freeze(),
      thaw: () => server.thaw(),
    },
    ledger: null,
    storeSetting: port => `postgres://postgres@127.0.0.1:${port}/postgres`,
    readied: async () => {
      await server.query(SLOW_COMMIT)
    },
    orders: async () => (await server.query(ORDERS)).rows as OrderRow[],
    close: () => server.remove(),
  }
}
