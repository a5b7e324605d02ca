/**
 * The server-side functions of the PostgreSQL store: each is one atomic step, and one statement of
 * its client, so nothing is held between two messages and a pooler in transaction mode may stand
 * between.
 *
 * Nothing depends on the database's defaults: a write turns `synchronous_commit` on for its own
 * transaction, and bounds its waits for locks.
 */
import { IS_STALE, IS_STOLEN, IS_TOO_ISOLATED, LINE, SLICE_MS } from './states.js'

/**
 * What every write begins with: what was waited for in vain is an error, and what was answered is
 * on the disk. An assignment, because that costs less than a call.
 */
export const beStrict = `setting := set_config('lock_timeout', lock_ms::text, true);
    IF current_setting('synchronous_commit') = 'off' THEN
      setting := set_config('synchronous_commit', 'on', true);
    END IF;`

/**
 * Whether the row of the epoch is the one that was written here: not on another timeline, and not
 * one that a dump brought. In servers that are made anew its table may well get the oid that it had
 * before, but there another transaction has written the row, and it is the first of a table that
 * nobody has rewritten, where `epoch()` leaves none. `pg_restore --jobs` rewrites it.
 */
export const isOwnMemory = (poe: string): string => `
              memory.timeline = concat(${poe}.timeline(), ' ', memory.xmin)
              AND memory.table_oid = memory.tableoid AND (memory.ctid <> '(0,1)'
                OR pg_relation_filenode(memory.tableoid) <> memory.tableoid)`

/**
 * Notes in a row that was just written which transaction has written it. That moves it away, too,
 * from where a dump would have brought it.
 */
export const signMemory = (poe: string): string => `UPDATE ${poe}.memory
        SET timeline = concat(${poe}.timeline(), ' ', memory.xmin) WHERE timeline = '';`

/** Says that the row of the epoch is written here, by one of the functions that may. */
export const writeMemory = "PERFORM set_config('poe.writes_memory', 'on', true);"

/**
 * What else has written the row of the epoch has brought it from another server (replication, which
 * may lag; a dump of the data alone): it is void. Functions that an older release put back may.
 */
const watchMemory = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.watch_memory() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF current_setting('poe.writes_memory', true) IS DISTINCT FROM 'on'
      AND pg_get_functiondef('${poe}.valid_epoch'::regproc) LIKE '%xmin%' THEN
      NEW.table_oid := 0;
    END IF;
    RETURN NEW;
  END $$;

  -- Looked for first: to make it waits for whoever has written to the table.
  DO $$ DECLARE
    fires "char" := (SELECT tgenabled FROM pg_trigger
      WHERE tgrelid = '${poe}.memory'::regclass AND tgname = 'watch');
  BEGIN
    IF fires = 'A' THEN RETURN; END IF;
    IF fires IS NULL THEN
      CREATE TRIGGER watch BEFORE INSERT OR UPDATE ON ${poe}.memory
        FOR EACH ROW EXECUTE FUNCTION ${poe}.watch_memory();
    END IF;
    -- Also where replication writes.
    ALTER TABLE ${poe}.memory ENABLE ALWAYS TRIGGER watch;
  END $$;`

/**
 * Takes over the record that was seen: lapsed and free, or past its time, or to be replaced; unless
 * its owner is in the act of completing it.
 */
const takeOver = (poe: string): string => `
        IF r.head IS NOT NULL THEN
          -- A body that is being attached, or a purge: over in a moment, and worth the wait.
          PERFORM 1 FROM ${poe}.record WHERE record.key = the_key FOR UPDATE;
        END IF;
        UPDATE ${poe}.record
          SET (keep_until_ms, lease_until_ms, means_doubt, owner, told, head, body)
          = (the_keep_until_ms, now_ms + lease_ms, the_doubt, the_owner, the_told, NULL, NULL)
          WHERE record.key = (
            SELECT free.key FROM ${poe}.record AS free
            WHERE free.key = the_key AND free.owner IS NOT DISTINCT FROM r.owner
              AND ((${poe}.tell(free, now_ms)).state = 'none'
                OR (free.head IS NOT NULL AND free.owner = the_replaces))
            FOR UPDATE SKIP LOCKED);`

/** Keeps the name of a claim whose silence means doubt. A call would cost more. */
const noteIt = (poe: string): string =>
  `INSERT INTO ${poe}.doubt (key, name) VALUES (the_key, the_name) ON CONFLICT DO NOTHING;`

/**
 * Makes the record of a key that has none, if the claim holds: the usual case, in one statement.
 * Whoever is ahead may just be committing, and is waited for.
 */
const makeRecord = (poe: string): string => `
        PERFORM pg_advisory_xact_lock(${LINE}, hashtext(the_key::text));
        is_in_line := true;
        now_ms := ${poe}.now_ms();
        INSERT INTO ${poe}.record (key, keep_until_ms, lease_until_ms, means_doubt, owner, told)
          SELECT the_key, the_keep_until_ms, now_ms + lease_ms, the_doubt, the_owner, the_told
          WHERE now_ms <= claim_by_ms AND (expires_ms IS NULL OR now_ms <= expires_ms)
            AND (the_epoch IS NULL OR the_epoch = (SELECT memory.epoch FROM ${poe}.memory
              WHERE ${isOwnMemory(poe)}))
          ON CONFLICT DO NOTHING;
        IF FOUND THEN
          IF the_doubt THEN ${noteIt(poe)} END IF;
          state := 'claimed';
          RETURN;
        END IF;`

/** Whoever holds the record that was seen is in the act of completing it. */
const beingCompleted = (poe: string): string => `
      PERFORM 1 FROM ${poe}.record WHERE record.key = the_key AND record.owner = r.owner
        AND record.head IS NULL AND record.lease_until_ms <= now_ms;
      IF FOUND THEN
        SELECT 'running', now_ms + 1000, r.told INTO state, until_ms, told;
        RETURN;
      END IF;`

/**
 * What keeps a key from being claimed now, if anything does. Where its life is over, a lapsed
 * record whose silence means nothing goes: its owner shall not do late what is told as not done.
 */
const obstacle = (poe: string): string => `
      state := CASE
        WHEN now_ms > claim_by_ms THEN 'late'
        WHEN the_epoch IS NOT NULL AND the_epoch IS DISTINCT FROM ${poe}.valid_epoch()
          THEN 'wrong-epoch'
        WHEN now_ms > expires_ms THEN 'expired' END;
      IF state = 'expired' AND NOT r.means_doubt THEN
        DELETE FROM ${poe}.record WHERE record.key = (
          SELECT free.key FROM ${poe}.record AS free WHERE free.key = the_key
            AND free.owner = r.owner AND NOT free.means_doubt AND free.lease_until_ms <= now_ms
          FOR UPDATE SKIP LOCKED);
        IF NOT FOUND THEN ${beingCompleted(poe)} CONTINUE; END IF;
      END IF;
      IF state IS NOT NULL THEN RETURN; END IF;`

/** Takes a key if it is free. */
export const claimSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.claim(
    the_key uuid, the_owner bytea, the_epoch text, lease_ms bigint, claim_by_ms bigint,
    expires_ms bigint, the_keep_until_ms bigint, the_doubt boolean, the_told bytea,
    the_replaces bytea, the_name bytea, lock_ms integer,
    OUT now_ms bigint, OUT state text, OUT until_ms bigint, OUT owner bytea, OUT told bytea,
    OUT head bytea, OUT body bytea
  ) LANGUAGE plpgsql AS $$
  DECLARE
    r ${poe}.record;
    is_in_line boolean := false;
    setting text;
  BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'claim it in a transaction that is READ COMMITTED'
        USING ERRCODE = '${IS_TOO_ISOLATED}';
    END IF;
    ${beStrict}
    FOR round IN 1..20 LOOP
      SELECT * INTO r FROM ${poe}.record WHERE record.key = the_key;
      IF r.key IS NULL AND NOT is_in_line THEN
        ${makeRecord(poe)}
        CONTINUE;
      END IF;
      now_ms := ${poe}.now_ms();
      SELECT * INTO state, until_ms, owner, told, head, body FROM ${poe}.tell(r, now_ms);
      IF state = 'running' AND r.owner = the_owner THEN
        -- Sent twice: its lease counts anew, but not from later than the claim may come.
        PERFORM ${poe}.prolong(the_key, the_owner, least(now_ms, claim_by_ms) + lease_ms);
        state := 'claimed';
      END IF;
      IF state = 'spent' AND r.owner = the_replaces THEN state := 'none'; END IF;
      IF state = 'undecided' THEN
        -- Claimed under an earlier version, which did not know the name.
        PERFORM ${poe}.note(the_key, the_name);
      END IF;
      IF state <> 'none' THEN RETURN; END IF;
      SELECT NULL, NULL, NULL, NULL, NULL INTO until_ms, owner, told, head, body;
      ${obstacle(poe)}
      IF NOT is_in_line THEN
        -- Whoever is ahead may just be committing: look again after that.
        PERFORM pg_advisory_xact_lock(${LINE}, hashtext(the_key::text));
        is_in_line := true;
        CONTINUE;
      END IF;

      IF r.key IS NULL THEN
        INSERT INTO ${poe}.record (key, keep_until_ms, lease_until_ms, means_doubt, owner, told)
          VALUES (the_key, the_keep_until_ms, now_ms + lease_ms, the_doubt, the_owner, the_told)
          ON CONFLICT DO NOTHING;
      ELSE
        ${takeOver(poe)}
      END IF;
      IF FOUND THEN
        IF the_doubt THEN ${noteIt(poe)} END IF;
        state := 'claimed';
        RETURN;
      END IF;
${beingCompleted(poe)}
    END LOOP;
    RAISE EXCEPTION 'the record never held still' USING ERRCODE = 'serialization_failure';
  END $$;`

/** Tells what a record says, and looks without touching. */
export const readSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.tell(
    r ${poe}.record, now_ms bigint,
    OUT state text, OUT until_ms bigint, OUT owner bytea, OUT told bytea, OUT head bytea,
    OUT body bytea
  ) LANGUAGE plpgsql IMMUTABLE AS $$
  BEGIN
    state := CASE
      WHEN r.lease_until_ms > now_ms THEN 'running'
      WHEN r.keep_until_ms < now_ms THEN 'none'
      WHEN r.head IS NOT NULL THEN 'spent'
      WHEN r.means_doubt THEN 'undecided'
      ELSE 'none' END;
    IF state = 'none' THEN RETURN; END IF;
    SELECT r.lease_until_ms, r.told, r.head, r.body INTO until_ms, told, head, body;
    IF state <> 'running' THEN owner := r.owner; END IF;
  END $$;

  -- Lengthens a lease, never shortens it.
  CREATE OR REPLACE FUNCTION ${poe}.prolong(the_key uuid, the_owner bytea, to_ms bigint)
  RETURNS void LANGUAGE sql AS '
    UPDATE ${poe}.record SET lease_until_ms = greatest(lease_until_ms, to_ms)
      WHERE key = the_key AND owner = the_owner AND head IS NULL';

  CREATE OR REPLACE FUNCTION ${poe}.read(
    the_key uuid, the_epoch text,
    OUT now_ms bigint, OUT state text, OUT until_ms bigint, OUT owner bytea, OUT told bytea,
    OUT head bytea, OUT body bytea
  ) LANGUAGE plpgsql AS $$
  DECLARE
    r ${poe}.record;
  BEGIN
    -- Fails on a standby, which may be behind.
    PERFORM ${poe}.timeline();
    now_ms := ${poe}.now_ms();
    SELECT * INTO r FROM ${poe}.record WHERE record.key = the_key;
    SELECT * INTO state, until_ms, owner, told, head, body FROM ${poe}.tell(r, now_ms);
    IF state = 'none' AND the_epoch IS NOT NULL
      AND the_epoch IS DISTINCT FROM ${poe}.valid_epoch() THEN
      state := 'wrong-epoch';
    END IF;
  END $$;`

/** What an owner writes. */
export const writesSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.renew(
    the_key uuid, the_owner bytea, lease_ms bigint, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    UPDATE ${poe}.record SET lease_until_ms = ${poe}.now_ms() + lease_ms
      WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
    is_done := FOUND;
    now_ms := ${poe}.now_ms();
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.mark(
    the_key uuid, the_owner bytea, the_name bytea, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    UPDATE ${poe}.record SET means_doubt = true
      WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
    is_done := FOUND;
    IF is_done THEN PERFORM ${poe}.note(the_key, the_name); END IF;
    now_ms := ${poe}.now_ms();
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.complete(
    the_key uuid, the_owner bytea, the_mark bytea, the_head bytea, the_body bytea, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  DECLARE
    setting text;
    -- Looked up in the record, not in the table of names: a serializable transaction of a handler
    -- would conflict there with others. An answer that is old by now only leaves a name behind.
    meant_doubt boolean := EXISTS (SELECT 1 FROM ${poe}.record
      WHERE record.key = the_key AND record.head IS NULL AND record.means_doubt);
  BEGIN
    ${beStrict}
    UPDATE ${poe}.record SET (head, body, owner, lease_until_ms, means_doubt)
      = (the_head, the_body, the_mark, NULL, NULL)
      WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
    is_done := FOUND;
    IF is_done AND meant_doubt THEN DELETE FROM ${poe}.doubt WHERE doubt.key = the_key; END IF;
    IF NOT is_done THEN
      is_done := EXISTS (SELECT 1 FROM ${poe}.record
        WHERE record.key = the_key AND record.owner = the_mark AND record.head IS NOT NULL);
    END IF;
    now_ms := ${poe}.now_ms();
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.attach_body(
    the_key uuid, the_mark bytea, the_head bytea, the_body bytea, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    UPDATE ${poe}.record SET (head, body) = (the_head, the_body)
      WHERE record.key = the_key AND record.owner = the_mark AND record.head IS NOT NULL;
    is_done := FOUND;
    now_ms := ${poe}.now_ms();
  END $$;`

/** How a handler's transaction ends, and how one learns of it afterwards. */
export const finishSql = (poe: string): string => `
  -- The end of a handler's transaction: fails, and so undoes it, unless all is as it was begun.
  CREATE OR REPLACE FUNCTION ${poe}.finish(
    the_transaction text, the_key uuid, the_owner bytea, the_mark bytea, the_head bytea,
    the_body bytea, lock_ms integer
  ) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    told record;
    setting text;
  BEGIN
    IF current_setting('poe.transaction', true) IS DISTINCT FROM the_transaction THEN
      RAISE EXCEPTION 'this is not the transaction that was begun' USING ERRCODE = '${IS_STOLEN}';
    END IF;
    ${beStrict}
    -- The usual case: silence would have meant that nothing happened.
    UPDATE ${poe}.record SET (head, body, owner, lease_until_ms, means_doubt)
      = (the_head, the_body, the_mark, NULL, NULL)
      WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL
        AND NOT record.means_doubt;
    IF FOUND THEN RETURN ${poe}.now_ms(); END IF;
    SELECT * INTO told
      FROM ${poe}.complete(the_key, the_owner, the_mark, the_head, the_body, lock_ms);
    IF NOT told.is_done THEN
      RAISE EXCEPTION 'the claim is lost' USING ERRCODE = '${IS_STALE}';
    END IF;
    RETURN told.now_ms;
  END $$;

  -- After a lost reply: waits until the transaction is over, and tells whether it was committed.
  CREATE OR REPLACE FUNCTION ${poe}.was_committed(
    the_key uuid, the_mark bytea, lock_ms integer, OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    PERFORM 1 FROM ${poe}.record WHERE record.key = the_key FOR UPDATE;
    is_done := EXISTS (SELECT 1 FROM ${poe}.record
      WHERE record.key = the_key AND record.owner = the_mark AND record.head IS NOT NULL);
    now_ms := ${poe}.now_ms();
  END $$;`

/** How a key comes free, or is decided from outside. */
export const settleSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.release(
    the_key uuid, the_owner bytea, lock_ms integer, OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    PERFORM ${poe}.line_up(the_key);
    -- Read before the look: whatever claim comes after it is later than this.
    now_ms := ${poe}.now_ms();
    DELETE FROM ${poe}.record
      WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
    is_done := FOUND;
    IF is_done THEN DELETE FROM ${poe}.doubt WHERE doubt.key = the_key; END IF;
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.settle(
    the_key uuid, the_owner bytea, the_head bytea, the_body bytea, lock_ms integer,
    OUT now_ms bigint, OUT is_done boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.be_strict(lock_ms);
    now_ms := ${poe}.now_ms();
    PERFORM 1 FROM ${poe}.record WHERE record.key = the_key AND record.owner = the_owner
      AND record.head IS NULL AND record.means_doubt AND record.lease_until_ms <= now_ms
      FOR UPDATE;
    is_done := FOUND;
    IF NOT is_done THEN RETURN; END IF;
    IF the_head IS NULL THEN
      DELETE FROM ${poe}.record WHERE record.key = the_key;
    ELSE
      -- The mark is no owner's, and another for each.
      UPDATE ${poe}.record SET (head, body, owner, lease_until_ms, means_doubt)
        = (the_head, the_body, substr(sha256('decided for '::bytea || the_owner), 1, 8), NULL, NULL)
        WHERE record.key = the_key;
    END IF;
    DELETE FROM ${poe}.doubt WHERE doubt.key = the_key;
  END $$;`

/** How undecided records are found again: by the names of those whose silence means doubt. */
export const listSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.note(the_key uuid, the_name bytea)
  RETURNS void LANGUAGE sql AS '
    INSERT INTO ${poe}.doubt (key, name) VALUES (the_key, the_name) ON CONFLICT DO NOTHING';

  CREATE OR REPLACE FUNCTION ${poe}.list(
    before_ms bigint, after_key uuid, most integer,
    OUT now_ms bigint, OUT listed jsonb, OUT last uuid
  ) LANGUAGE plpgsql AS $$
  BEGIN
    -- Fails on a standby, which may be behind.
    PERFORM ${poe}.timeline();
    now_ms := ${poe}.now_ms();
    SELECT coalesce(jsonb_agg(jsonb_build_array(
        encode(page.name, 'base64'), encode(page.owner, 'base64'), page.lease_until_ms)), '[]'),
        CASE WHEN count(*) = most THEN (array_agg(page.key ORDER BY page.key DESC))[1] END
      INTO listed, last
      FROM (
        SELECT doubt.key, doubt.name, r.owner, r.lease_until_ms
          FROM ${poe}.doubt JOIN ${poe}.record AS r USING (key)
          WHERE (after_key IS NULL OR doubt.key > after_key)
            AND (${poe}.tell(r, now_ms)).state = 'undecided'
            AND (before_ms IS NULL OR r.lease_until_ms < before_ms)
          ORDER BY doubt.key LIMIT most) AS page;
  END $$;`

/** Epoch, secrets and the purge. */
export const upkeepSql = (poe: string): string => `${watchMemory(poe)}
  CREATE OR REPLACE FUNCTION ${poe}.epoch(
    fresh text, lock_ms integer, OUT now_ms bigint, OUT version integer, OUT epoch text,
    OUT is_logged boolean
  ) LANGUAGE plpgsql AS $$
  BEGIN
    version := ${poe}.version();
    epoch := ${poe}.valid_epoch();
    IF epoch IS NULL THEN
      -- Fails on a standby, by its own error.
      PERFORM ${poe}.timeline();
      PERFORM ${poe}.be_strict(lock_ms);
      ${writeMemory}
      INSERT INTO ${poe}.memory (epoch, timeline, table_oid)
        VALUES (fresh, '', '${poe}.memory'::regclass)
        ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch,
          timeline = '', table_oid = memory.tableoid
        WHERE NOT (${isOwnMemory(poe)});
      ${signMemory(poe)}
      epoch := ${poe}.valid_epoch();
    END IF;
    is_logged := NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relpersistence <> 'p'
      AND oid IN ('${poe}.record'::regclass, '${poe}.memory'::regclass,
        '${poe}.outbox'::regclass));
    now_ms := ${poe}.now_ms();
  END $$;
${keepSql(poe)}
  CREATE OR REPLACE FUNCTION ${poe}.purge(most integer, lock_ms integer, OUT removed integer)
  LANGUAGE plpgsql AS $$
  DECLARE
    at_ms bigint := ${poe}.now_ms();
    slice bigint := at_ms / ${SLICE_MS};
    last integer;
  BEGIN
    PERFORM set_config('lock_timeout', lock_ms::text, true);
    -- Whoever works on a record holds it: it is passed over, and its claim waits for nothing.
    WITH gone AS (DELETE FROM ${poe}.record WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${poe}.record WHERE keep_until_ms / ${SLICE_MS} < slice
        AND keep_until_ms IS NOT NULL AND coalesce(lease_until_ms, 0) <= at_ms
      LIMIT most FOR UPDATE SKIP LOCKED)) RETURNING key),
    names AS (DELETE FROM ${poe}.doubt USING gone WHERE doubt.key = gone.key)
    SELECT count(*) INTO removed FROM gone;
    IF removed >= most THEN RETURN; END IF;
    -- Of the slice that is on, some: the rest goes when it is over.
    WITH gone AS (DELETE FROM ${poe}.record WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM (
        SELECT ctid, keep_until_ms AS until_ms, lease_until_ms AS lease_ms FROM ${poe}.record
          WHERE keep_until_ms / ${SLICE_MS} = slice AND keep_until_ms IS NOT NULL LIMIT 1000
          FOR UPDATE SKIP LOCKED) AS looked_at
      WHERE until_ms < at_ms AND coalesce(lease_ms, 0) <= at_ms LIMIT most - removed))
      RETURNING key),
    names AS (DELETE FROM ${poe}.doubt USING gone WHERE doubt.key = gone.key)
    SELECT count(*) INTO last FROM gone;
    removed := removed + last;
  END $$;`

const keepSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.rotate_epoch(fresh text, lock_ms integer)
  RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.timeline();
    PERFORM ${poe}.be_strict(lock_ms);
    ${writeMemory}
    DELETE FROM ${poe}.memory;
    INSERT INTO ${poe}.memory (epoch, timeline, table_oid)
      VALUES (fresh, '', '${poe}.memory'::regclass)
      ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, timeline = '';
    ${signMemory(poe)}
  END $$;

  CREATE OR REPLACE FUNCTION ${poe}.secrets(proposed jsonb, lock_ms integer, OUT list jsonb)
  LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${poe}.timeline();
    SELECT secret.list INTO list FROM ${poe}.secret;
    IF list IS NOT NULL THEN RETURN; END IF;
    list := '[]';
    IF jsonb_array_length(proposed) = 0 THEN RETURN; END IF;
    PERFORM ${poe}.be_strict(lock_ms);
    INSERT INTO ${poe}.secret (list) VALUES (proposed) ON CONFLICT DO NOTHING;
    SELECT secret.list INTO list FROM ${poe}.secret;
  END $$;`
