/**
 * The server-side functions that grant many claims, or keep many outcomes, in one statement and one
 * commit.
 *
 * They only grant. Whatever is not the usual case (a record that stands in the way, a rival that is
 * just at work, a claim that is late) is told as "not by this one", and asks by itself, where all
 * checks stand in their order. So nothing in here waits for another's claim, and one that fails
 * takes nobody with it: then all of them ask by themselves.
 *
 * No deadlock: a line is tried and not waited for, and rows are locked in the order of their keys.
 * Seen through a plan that was made while the tables were empty, a million rows would be read for
 * each claim, so the plans may not read them in sequence.
 */
import { beStrict, isOwnMemory } from './functions.js'
import { IS_TOO_ISOLATED, LINE } from './states.js'

/** Gives a row for each claim, in their order: what a claim gives, or no state. */
const claimAllSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.claim_all(
    keys uuid[], owners bytea[], epochs text[], leases_ms bigint[], claim_bys_ms bigint[],
    expire_ms bigint[], keep_ms bigint[], doubts boolean[], tolds bytea[], names bytea[],
    lock_ms integer
  ) RETURNS TABLE (
    now_ms bigint, state text, until_ms bigint, owner bytea, told bytea, head bytea, body bytea
  ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
  #variable_conflict use_column
  DECLARE
    at_ms bigint := ${poe}.now_ms();
    setting text;
  BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION 'claim them in a transaction that is READ COMMITTED'
        USING ERRCODE = '${IS_TOO_ISOLATED}';
    END IF;
    ${beStrict}
    RETURN QUERY
    WITH given AS MATERIALIZED (
      SELECT * FROM unnest(keys, owners, epochs, leases_ms, claim_bys_ms, expire_ms, keep_ms,
          doubts, tolds, names)
        WITH ORDINALITY AS each (key, owner, epoch, lease_ms, claim_by_ms, expires_ms,
          keep_until_ms, means_doubt, told, name, place)
    ), seen AS MATERIALIZED (
      SELECT given.*, there.r FROM given LEFT JOIN LATERAL (
        SELECT record AS r FROM ${poe}.record WHERE record.key = given.key OFFSET 0
      ) AS there ON true
    ), free AS MATERIALIZED (
      SELECT * FROM seen WHERE CASE
        WHEN (r).key IS NOT NULL OR at_ms > claim_by_ms OR at_ms > expires_ms
          OR (epoch IS NOT NULL AND epoch IS DISTINCT FROM (
            SELECT memory.epoch FROM ${poe}.memory WHERE memory.only_row
              AND ${isOwnMemory(poe)}))
          THEN false
        ELSE pg_try_advisory_xact_lock(${LINE}, hashtext(key::text)) END
    ), made AS (
      INSERT INTO ${poe}.record (key, keep_until_ms, lease_until_ms, means_doubt, owner, told)
        SELECT key, keep_until_ms, at_ms + lease_ms, means_doubt, owner, told FROM free
        ON CONFLICT DO NOTHING RETURNING record.key, record.owner
    ), noted AS (
      INSERT INTO ${poe}.doubt (key, name)
        SELECT made.key, free.name FROM made JOIN free USING (key, owner) WHERE free.means_doubt
        ON CONFLICT DO NOTHING
    )
    SELECT at_ms, CASE WHEN made.key IS NOT NULL THEN 'claimed' ELSE found.state END,
        found.until_ms, found.owner, found.told, found.head, found.body
      FROM seen LEFT JOIN made USING (key, owner) LEFT JOIN LATERAL (
        SELECT * FROM ${poe}.tell(seen.r, at_ms) AS told_of
        WHERE (seen.r).key IS NOT NULL AND (seen.r).owner IS DISTINCT FROM seen.owner
          AND told_of.state IN ('running', 'spent')) AS found ON true
      ORDER BY seen.place;
  END $$;`

/** Tells the places of those that are kept now, the first being 1, with commas between. */
const completeAllSql = (poe: string): string => `
  CREATE OR REPLACE FUNCTION ${poe}.complete_all(
    keys uuid[], owners bytea[], marks bytea[], heads bytea[], bodies bytea[], lock_ms integer,
    OUT now_ms bigint, OUT kept text
  ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
  DECLARE
    setting text;
    done record;
    places bigint[] := '{}';
    gone uuid[] := '{}';
  BEGIN
    ${beStrict}
    FOR done IN SELECT * FROM unnest(keys, owners, marks, heads, bodies)
      WITH ORDINALITY AS each (key, owner, mark, head, body, place) ORDER BY key
    LOOP
      UPDATE ${poe}.record SET (head, body, owner, lease_until_ms, means_doubt)
        = (done.head, done.body, done.mark, NULL, NULL)
        WHERE record.key = done.key AND record.owner = done.owner AND record.head IS NULL;
      IF FOUND THEN
        places := places || done.place;
        gone := gone || done.key;
      END IF;
    END LOOP;
    DELETE FROM ${poe}.doubt WHERE doubt.key = ANY (gone);
    now_ms := ${poe}.now_ms();
    kept := array_to_string(places, ',');
  END $$;`

/** Both functions. */
export const batchSql = (poe: string): string => claimAllSql(poe) + completeAllSql(poe)
