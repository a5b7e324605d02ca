-- The schema of the PostgreSQL store as version 2 made it, for tests of its migration.
CREATE SCHEMA IF NOT EXISTS version_2;
CREATE TABLE version_2.record (
  key uuid PRIMARY KEY,
  keep_until_ms bigint,
  lease_until_ms bigint,
  means_doubt boolean,
  owner bytea,
  told bytea NOT NULL,
  head bytea,
  body bytea
);
ALTER TABLE version_2.record ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX record_slice ON version_2.record ((keep_until_ms / 600000))
  WHERE keep_until_ms IS NOT NULL;
CREATE TABLE version_2.memory (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch text NOT NULL,
  timeline text NOT NULL,
  table_oid oid NOT NULL
);
CREATE TABLE version_2.secret (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  list jsonb NOT NULL
);
CREATE OR REPLACE FUNCTION version_2.version() RETURNS integer LANGUAGE sql IMMUTABLE AS
  'SELECT 2';
CREATE OR REPLACE FUNCTION version_2.now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
  'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
-- Which history this server writes: another one after a failover or a point-in-time recovery.
CREATE OR REPLACE FUNCTION version_2.timeline() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'the server is a standby, or is still recovering'
      USING ERRCODE = 'PO001';
  END IF;
  RETURN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
END $$;
-- The epoch while it holds: not on another timeline, not in tables that a dump made anew.
CREATE OR REPLACE FUNCTION version_2.valid_epoch() RETURNS text LANGUAGE sql STABLE AS
  'SELECT epoch FROM version_2.memory WHERE timeline = version_2.timeline() AND table_oid = tableoid';
-- What was waited for in vain is an error, and what was answered is on the disk.
CREATE OR REPLACE FUNCTION version_2.be_strict(lock_ms integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('lock_timeout', lock_ms::text, true);
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END $$;
-- Claims that make a record and releases of one key follow each other, so that a release that
-- finds nothing knows that no claim is about to be committed.
CREATE OR REPLACE FUNCTION version_2.line_up(key uuid) RETURNS void LANGUAGE sql AS
  'SELECT pg_advisory_xact_lock(1886350693, hashtext(key::text))';
CREATE OR REPLACE FUNCTION version_2.claim(
  the_key uuid, the_owner bytea, the_epoch text, lease_ms bigint, claim_by_ms bigint,
  expires_ms bigint, the_keep_until_ms bigint, the_doubt boolean, the_told bytea,
  the_replaces bytea, lock_ms integer,
  OUT now_ms bigint, OUT state text, OUT until_ms bigint, OUT owner bytea, OUT told bytea,
  OUT head bytea, OUT body bytea
) LANGUAGE plpgsql AS $$
DECLARE
  r version_2.record;
  is_in_line boolean := false;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'claim it in a transaction that is READ COMMITTED'
      USING ERRCODE = 'PO004';
  END IF;
  PERFORM version_2.be_strict(lock_ms);
  FOR round IN 1..20 LOOP
    now_ms := version_2.now_ms();
    SELECT * INTO r FROM version_2.record WHERE record.key = the_key;
    SELECT * INTO state, until_ms, owner, told, head, body FROM version_2.tell(r, now_ms);
    IF state = 'running' AND r.owner = the_owner THEN
      -- Sent twice: its lease counts anew, but not from later than the claim may come.
      PERFORM version_2.prolong(the_key, the_owner, least(now_ms, claim_by_ms) + lease_ms);
      state := 'claimed';
    END IF;
    IF state = 'spent' AND r.owner = the_replaces THEN state := 'none'; END IF;
    IF state <> 'none' THEN RETURN; END IF;
    SELECT NULL, NULL, NULL, NULL, NULL INTO until_ms, owner, told, head, body;
    state := CASE
      WHEN now_ms > claim_by_ms THEN 'late'
      WHEN the_epoch IS NOT NULL AND the_epoch IS DISTINCT FROM version_2.valid_epoch()
        THEN 'wrong-epoch'
      WHEN now_ms > expires_ms THEN 'expired' END;
    IF state IS NOT NULL THEN RETURN; END IF;
    IF NOT is_in_line THEN
      -- Whoever is ahead may just be committing: look again after that.
      PERFORM version_2.line_up(the_key);
      is_in_line := true;
      CONTINUE;
    END IF;
    IF r.key IS NULL THEN
      INSERT INTO version_2.record (key, keep_until_ms, lease_until_ms, means_doubt, owner, told)
        VALUES (the_key, the_keep_until_ms, now_ms + lease_ms, the_doubt, the_owner, the_told)
        ON CONFLICT DO NOTHING;
    ELSE
      IF r.head IS NOT NULL THEN
        -- A body that is being attached, or a purge: over in a moment, and worth the wait.
        PERFORM 1 FROM version_2.record WHERE record.key = the_key FOR UPDATE;
      END IF;
      UPDATE version_2.record
        SET (keep_until_ms, lease_until_ms, means_doubt, owner, told, head, body)
        = (the_keep_until_ms, now_ms + lease_ms, the_doubt, the_owner, the_told, NULL, NULL)
        WHERE record.key = (
          SELECT free.key FROM version_2.record AS free
          WHERE free.key = the_key AND free.owner IS NOT DISTINCT FROM r.owner
            AND ((version_2.tell(free, now_ms)).state = 'none'
              OR (free.head IS NOT NULL AND free.owner = the_replaces))
          FOR UPDATE SKIP LOCKED);
    END IF;
    IF FOUND THEN
      state := 'claimed';
      RETURN;
    END IF;
    PERFORM 1 FROM version_2.record WHERE record.key = the_key AND record.owner = r.owner
      AND record.head IS NULL AND record.lease_until_ms <= now_ms;
    IF FOUND THEN
      SELECT 'running', now_ms + 1000, r.told INTO state, until_ms, told;
      RETURN;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'the record never held still' USING ERRCODE = 'serialization_failure';
END $$;
CREATE OR REPLACE FUNCTION version_2.tell(
  r version_2.record, now_ms bigint,
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
CREATE OR REPLACE FUNCTION version_2.prolong(the_key uuid, the_owner bytea, to_ms bigint)
RETURNS void LANGUAGE sql AS '
  UPDATE version_2.record SET lease_until_ms = greatest(lease_until_ms, to_ms)
    WHERE key = the_key AND owner = the_owner AND head IS NULL';
CREATE OR REPLACE FUNCTION version_2.read(
  the_key uuid, the_epoch text,
  OUT now_ms bigint, OUT state text, OUT until_ms bigint, OUT owner bytea, OUT told bytea,
  OUT head bytea, OUT body bytea
) LANGUAGE plpgsql AS $$
DECLARE
  r version_2.record;
BEGIN
  -- Fails on a standby, which may be behind.
  PERFORM version_2.timeline();
  now_ms := version_2.now_ms();
  SELECT * INTO r FROM version_2.record WHERE record.key = the_key;
  SELECT * INTO state, until_ms, owner, told, head, body FROM version_2.tell(r, now_ms);
  IF state = 'none' AND the_epoch IS NOT NULL
    AND the_epoch IS DISTINCT FROM version_2.valid_epoch() THEN
    state := 'wrong-epoch';
  END IF;
END $$;
CREATE OR REPLACE FUNCTION version_2.renew(
  the_key uuid, the_owner bytea, lease_ms bigint, lock_ms integer,
  OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  UPDATE version_2.record SET lease_until_ms = version_2.now_ms() + lease_ms
    WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
  is_done := FOUND;
  now_ms := version_2.now_ms();
END $$;
CREATE OR REPLACE FUNCTION version_2.mark(
  the_key uuid, the_owner bytea, lock_ms integer, OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  UPDATE version_2.record SET means_doubt = true
    WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
  is_done := FOUND;
  now_ms := version_2.now_ms();
END $$;
CREATE OR REPLACE FUNCTION version_2.complete(
  the_key uuid, the_owner bytea, the_mark bytea, the_head bytea, the_body bytea, lock_ms integer,
  OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  UPDATE version_2.record SET (head, body, owner, lease_until_ms, means_doubt)
    = (the_head, the_body, the_mark, NULL, NULL)
    WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
  is_done := FOUND OR EXISTS (SELECT 1 FROM version_2.record
    WHERE record.key = the_key AND record.owner = the_mark AND record.head IS NOT NULL);
  now_ms := version_2.now_ms();
END $$;
CREATE OR REPLACE FUNCTION version_2.attach_body(
  the_key uuid, the_mark bytea, the_head bytea, the_body bytea, lock_ms integer,
  OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  UPDATE version_2.record SET (head, body) = (the_head, the_body)
    WHERE record.key = the_key AND record.owner = the_mark AND record.head IS NOT NULL;
  is_done := FOUND;
  now_ms := version_2.now_ms();
END $$;
-- The end of a handler's transaction: fails, and so undoes it, unless all is as it was begun.
CREATE OR REPLACE FUNCTION version_2.finish(
  the_transaction text, the_key uuid, the_owner bytea, the_mark bytea, the_head bytea,
  the_body bytea, lock_ms integer
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  told record;
BEGIN
  IF current_setting('poe.transaction', true) IS DISTINCT FROM the_transaction THEN
    RAISE EXCEPTION 'this is not the transaction that was begun' USING ERRCODE = 'PO003';
  END IF;
  SELECT * INTO told
    FROM version_2.complete(the_key, the_owner, the_mark, the_head, the_body, lock_ms);
  IF NOT told.is_done THEN
    RAISE EXCEPTION 'the claim is lost' USING ERRCODE = 'PO002';
  END IF;
  RETURN told.now_ms;
END $$;
-- After a lost reply: waits until the transaction is over, and tells whether it was committed.
CREATE OR REPLACE FUNCTION version_2.was_committed(
  the_key uuid, the_mark bytea, lock_ms integer, OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  PERFORM 1 FROM version_2.record WHERE record.key = the_key FOR UPDATE;
  is_done := EXISTS (SELECT 1 FROM version_2.record
    WHERE record.key = the_key AND record.owner = the_mark AND record.head IS NOT NULL);
  now_ms := version_2.now_ms();
END $$;
CREATE OR REPLACE FUNCTION version_2.release(
  the_key uuid, the_owner bytea, lock_ms integer, OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  PERFORM version_2.line_up(the_key);
  -- Read before the look: whatever claim comes after it is later than this.
  now_ms := version_2.now_ms();
  DELETE FROM version_2.record
    WHERE record.key = the_key AND record.owner = the_owner AND record.head IS NULL;
  is_done := FOUND;
END $$;
CREATE OR REPLACE FUNCTION version_2.settle(
  the_key uuid, the_owner bytea, the_head bytea, the_body bytea, lock_ms integer,
  OUT now_ms bigint, OUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  now_ms := version_2.now_ms();
  PERFORM 1 FROM version_2.record WHERE record.key = the_key AND record.owner = the_owner
    AND record.head IS NULL AND record.means_doubt AND record.lease_until_ms <= now_ms
    FOR UPDATE;
  is_done := FOUND;
  IF NOT is_done THEN RETURN; END IF;
  IF the_head IS NULL THEN
    DELETE FROM version_2.record WHERE record.key = the_key;
  ELSE
    UPDATE version_2.record SET (head, body, owner, lease_until_ms, means_doubt)
      = (the_head, the_body, NULL, NULL, NULL) WHERE record.key = the_key;
  END IF;
END $$;
CREATE OR REPLACE FUNCTION version_2.epoch(
  fresh text, lock_ms integer, OUT now_ms bigint, OUT version integer, OUT epoch text,
  OUT is_logged boolean
) LANGUAGE plpgsql AS $$
BEGIN
  version := version_2.version();
  epoch := version_2.valid_epoch();
  IF epoch IS NULL THEN
    PERFORM version_2.be_strict(lock_ms);
    INSERT INTO version_2.memory (epoch, timeline, table_oid)
      VALUES (fresh, version_2.timeline(), 'version_2.memory'::regclass)
      ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch,
        timeline = excluded.timeline, table_oid = memory.tableoid
      WHERE memory.timeline <> excluded.timeline OR memory.table_oid <> memory.tableoid;
    epoch := version_2.valid_epoch();
  END IF;
  is_logged := NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relpersistence <> 'p'
    AND oid IN ('version_2.record'::regclass, 'version_2.memory'::regclass));
  now_ms := version_2.now_ms();
END $$;
CREATE OR REPLACE FUNCTION version_2.rotate_epoch(fresh text, lock_ms integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.be_strict(lock_ms);
  DELETE FROM version_2.memory;
  INSERT INTO version_2.memory (epoch, timeline, table_oid)
    VALUES (fresh, version_2.timeline(), 'version_2.memory'::regclass)
    ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch;
END $$;
CREATE OR REPLACE FUNCTION version_2.secrets(proposed jsonb, lock_ms integer, OUT list jsonb)
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM version_2.timeline();
  SELECT secret.list INTO list FROM version_2.secret;
  IF list IS NOT NULL THEN RETURN; END IF;
  list := '[]';
  IF jsonb_array_length(proposed) = 0 THEN RETURN; END IF;
  PERFORM version_2.be_strict(lock_ms);
  INSERT INTO version_2.secret (list) VALUES (proposed) ON CONFLICT DO NOTHING;
  SELECT secret.list INTO list FROM version_2.secret;
END $$;
CREATE OR REPLACE FUNCTION version_2.purge(most integer, lock_ms integer, OUT removed integer)
LANGUAGE plpgsql AS $$
DECLARE
  at_ms bigint := version_2.now_ms();
  slice bigint := at_ms / 600000;
  last integer;
BEGIN
  PERFORM set_config('lock_timeout', lock_ms::text, true);
  -- Whoever works on a record holds it: it is passed over, and its claim waits for nothing.
  DELETE FROM version_2.record WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM version_2.record WHERE keep_until_ms / 600000 < slice
      AND keep_until_ms IS NOT NULL AND coalesce(lease_until_ms, 0) <= at_ms
    LIMIT most FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS removed = ROW_COUNT;
  IF removed >= most THEN RETURN; END IF;
  -- Of the slice that is on, some: the rest goes when it is over.
  DELETE FROM version_2.record WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM (
      SELECT ctid, keep_until_ms AS until_ms, lease_until_ms AS lease_ms FROM version_2.record
        WHERE keep_until_ms / 600000 = slice AND keep_until_ms IS NOT NULL LIMIT 1000
        FOR UPDATE SKIP LOCKED) AS looked_at
    WHERE until_ms < at_ms AND coalesce(lease_ms, 0) <= at_ms LIMIT most - removed));
  GET DIAGNOSTICS last = ROW_COUNT;
  removed := removed + last;
END $$;
