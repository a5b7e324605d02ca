/**
 * The outbox of the PostgreSQL store in SQL: its table, and its steps as functions. A message that
 * may be taken has a time at which it is due, which is the end of the lease while it runs; others
 * have none, so that the index of what is due holds nothing else.
 *
 * Payload and error are bytes: the database may have another encoding than they have.
 */
import { IS_TOO_ISOLATED } from './states.js'

/**
 * Looked for first: to make an index waits for every transaction that has written to its table, and
 * all others for that, also where the index turns out to be there.
 */
const table = (poe: string): string => `
  DO $$
  BEGIN
    IF to_regclass('${poe}.outbox') IS NOT NULL THEN RETURN; END IF;
    CREATE TABLE ${poe}.outbox (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      key text NOT NULL UNIQUE,
      name text NOT NULL,
      state text NOT NULL,
      payload bytea,
      written_ms bigint NOT NULL,
      due_ms bigint,
      attempt integer NOT NULL DEFAULT 0,
      first_ms bigint,
      owner text,
      error bytea,
      ended_ms bigint
    );
    CREATE INDEX outbox_due ON ${poe}.outbox (name, due_ms) WHERE due_ms IS NOT NULL;
    CREATE INDEX outbox_dead ON ${poe}.outbox (id) WHERE state = 'dead';
    CREATE INDEX outbox_delivered ON ${poe}.outbox (ended_ms) WHERE state = 'delivered';
  END $$;`

const addSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.outbox_add(
    the_key text, the_name text, the_payload bytea, delay_ms bigint
  ) RETURNS void LANGUAGE sql AS '
    INSERT INTO ${poe}.outbox (key, name, state, payload, written_ms, due_ms)
      SELECT the_key, the_name, ''waiting'', the_payload, now_ms, now_ms + delay_ms
      FROM ${poe}.now_ms() AS now_ms';`

const takeSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.outbox_take(
    names text[], the_owner text, lease_ms bigint, most integer, lock_ms integer,
    OUT now_ms bigint, OUT taken jsonb
  ) LANGUAGE plpgsql AS $$
  DECLARE
    the_name text;
    part jsonb;
  BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'take it in a transaction that is READ COMMITTED'
        USING ERRCODE = '${IS_TOO_ISOLATED}';
    END IF;
    PERFORM ${poe}.be_strict(lock_ms);
    now_ms := ${poe}.now_ms();
    taken := '[]';
    FOREACH the_name IN ARRAY names LOOP
      EXIT WHEN jsonb_array_length(taken) >= most;
      WITH due AS (
        SELECT id FROM ${poe}.outbox WHERE outbox.name = the_name AND due_ms <= now_ms
          ORDER BY due_ms, id LIMIT most - jsonb_array_length(taken) FOR UPDATE SKIP LOCKED),
      mine AS (
        UPDATE ${poe}.outbox SET state = 'running', owner = the_owner, due_ms = now_ms + lease_ms,
          attempt = attempt + 1, first_ms = coalesce(first_ms, now_ms)
          FROM due WHERE outbox.id = due.id
          RETURNING outbox.id, key, name, payload, attempt, first_ms)
      SELECT coalesce(jsonb_agg(jsonb_build_array(
          key, name, encode(payload, 'base64'), attempt, first_ms) ORDER BY id), '[]')
        INTO part FROM mine;
      taken := taken || part;
    END LOOP;
  END $$;`

const endSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.outbox_renew(
    the_key text, the_owner text, lease_ms bigint, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    UPDATE ${poe}.outbox SET due_ms = ${poe}.now_ms() + lease_ms
      WHERE key = the_key AND owner = the_owner AND state = 'running'
        AND due_ms > ${poe}.now_ms();
    is_done := FOUND;
    now_ms := ${poe}.now_ms();
  END $$;

  -- Ends an attempt in its lease; 'again' is due after a while. Repeated, the first one counts.
  CREATE OR REPLACE FUNCTION ${poe}.outbox_end(
    the_key text, the_owner text, verdict text, delay_ms bigint, the_error bytea, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  DECLARE
    is_again boolean := verdict = 'again';
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    UPDATE ${poe}.outbox SET
      state = CASE WHEN is_again THEN 'waiting' ELSE verdict END,
      due_ms = CASE WHEN is_again THEN ${poe}.now_ms() + delay_ms END,
      ended_ms = CASE WHEN is_again THEN NULL ELSE ${poe}.now_ms() END,
      payload = CASE WHEN verdict = 'delivered' THEN NULL ELSE payload END,
      error = the_error
      WHERE key = the_key AND owner = the_owner AND state = 'running'
        AND due_ms > ${poe}.now_ms();
    is_done := FOUND OR EXISTS (SELECT 1 FROM ${poe}.outbox
      WHERE key = the_key AND owner = the_owner AND state <> 'running');
    now_ms := ${poe}.now_ms();
  END $$;`

const deskSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.outbox_dead(
    most integer, after_id bigint, OUT now_ms bigint, OUT listed jsonb, OUT last bigint
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.timeline();
    now_ms := ${poe}.now_ms();
    SELECT coalesce(jsonb_agg(jsonb_build_array(page.key, page.name,
        encode(page.payload, 'base64'), page.attempt, encode(page.error, 'base64'), page.ended_ms)
        ORDER BY page.id), '[]'), CASE WHEN count(*) = most THEN max(page.id) END
      INTO listed, last
      FROM (SELECT * FROM ${poe}.outbox WHERE state = 'dead' AND id > after_id
        ORDER BY id LIMIT most) AS page;
  END $$;

  -- Decides a dead message: it is due again, or gone.
  CREATE OR REPLACE FUNCTION ${poe}.outbox_decide(
    the_key text, is_again boolean, lock_ms integer, OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    now_ms := ${poe}.now_ms();
    IF is_again THEN
      UPDATE ${poe}.outbox SET state = 'waiting', due_ms = now_ms, attempt = 0, first_ms = NULL,
        owner = NULL, ended_ms = NULL WHERE key = the_key AND state = 'dead';
    ELSE
      DELETE FROM ${poe}.outbox WHERE key = the_key AND state = 'dead';
    END IF;
    is_done := FOUND;
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.outbox_counts(OUT now_ms bigint, OUT counted jsonb)
  LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.timeline();
    now_ms := ${poe}.now_ms();
    SELECT coalesce(jsonb_agg(jsonb_build_array(
        name, waiting, running, dead, oldest_ms) ORDER BY name), '[]') INTO counted
      FROM (
        SELECT name,
          count(*) FILTER (WHERE due_ms IS NOT NULL AND NOT is_running) AS waiting,
          count(*) FILTER (WHERE is_running) AS running,
          count(*) FILTER (WHERE due_ms IS NULL) AS dead,
          min(written_ms) FILTER (WHERE due_ms IS NOT NULL) AS oldest_ms
        FROM (
          SELECT name, due_ms, written_ms, state = 'running' AND due_ms > now_ms AS is_running
            FROM ${poe}.outbox WHERE due_ms IS NOT NULL
          UNION ALL
          SELECT name, NULL, written_ms, false FROM ${poe}.outbox WHERE state = 'dead') AS open
        GROUP BY name) AS names;
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.outbox_purge(
    keep_ms bigint, most integer, lock_ms integer, OUT removed integer
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM set_config('lock_timeout', lock_ms::text, true);
    DELETE FROM ${poe}.outbox WHERE id = ANY (ARRAY(
      SELECT id FROM ${poe}.outbox
        WHERE state = 'delivered' AND ended_ms < ${poe}.now_ms() - keep_ms
        LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
  END $$;`

/** The statements that make the outbox, or bring it to this version; harmless to repeat. */
export function outboxSql(poe: string): string {
  return [table, addSql, takeSql, endSql, deskSql].map(part => part(poe)).join('\n')
}
