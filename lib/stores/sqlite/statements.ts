/**
 * The SQL of the sqlite store. Each statement is a constant, so that it is prepared once.
 */

/** Inserts a running record, or takes over a lapsed free one; not where the key is spent. */
export const TAKE: string = `
  INSERT INTO poe_claim
    (key, owner, lease_until_ms, on_silence, keep_until_ms, fingerprint, principal)
  SELECT ?, ?, ?, ?, ?, ?, ?
  WHERE NOT EXISTS (SELECT 1 FROM poe_spent WHERE substr(key_hash, 1, 6) = ? AND key_hash = ?)
  ON CONFLICT (key) DO UPDATE SET
    owner = excluded.owner,
    lease_until_ms = excluded.lease_until_ms,
    on_silence = excluded.on_silence,
    keep_until_ms = excluded.keep_until_ms,
    fingerprint = excluded.fingerprint,
    principal = excluded.principal
  WHERE on_silence = 'free' AND lease_until_ms <= ?`

/** Everything about a key and the epoch, in one statement and so of one moment. */
export const FIND: string = `
  SELECT s.head, s.body, s.fingerprint, s.principal,
    c.owner, c.lease_until_ms, c.on_silence, c.fingerprint, c.principal,
    (SELECT value FROM poe_meta WHERE name = 'epoch'),
    s.owner, s.keep_until_ms, c.keep_until_ms
  FROM (SELECT 1)
  LEFT JOIN poe_spent AS s ON substr(s.key_hash, 1, 6) = ? AND s.key_hash = ?
  LEFT JOIN poe_claim AS c ON c.key = ?`

/** Lengthens a lease, never shortens it. */
export const PROLONG: string = `
  UPDATE poe_claim SET lease_until_ms = max(lease_until_ms, ?) WHERE key = ? AND owner = ?`

/** Sets a lease. */
export const RENEW = 'UPDATE poe_claim SET lease_until_ms = ? WHERE key = ? AND owner = ?'

/** Turns silence into doubt. */
export const MARK = "UPDATE poe_claim SET on_silence = 'undecided' WHERE key = ? AND owner = ?"

/** Copies an owner's record to the spent ones. */
export const SPEND: string = `
  INSERT INTO poe_spent
    (key_hash, owner, head, body, keep_until_ms, fingerprint, principal)
  SELECT ?, ?, ?, ?, keep_until_ms, fingerprint, principal
  FROM poe_claim WHERE key = ? AND owner = ?`

/** Copies an undecided record to the spent ones. */
export const SETTLE: string = `
  INSERT INTO poe_spent
    (key_hash, owner, head, body, keep_until_ms, fingerprint, principal)
  SELECT ?, ?, ?, ?, keep_until_ms, fingerprint, principal
  FROM poe_claim
  WHERE key = ? AND owner = ? AND on_silence = 'undecided' AND lease_until_ms <= ?`

/** Removes a record that has been copied to the spent ones. */
export const DROP_CLAIM = 'DELETE FROM poe_claim WHERE key = ?'

/** Removes a spent record whose place is taken. */
export const DROP_SPENT: string = `
  DELETE FROM poe_spent WHERE substr(key_hash, 1, 6) = ? AND key_hash = ?`

/** Whether an owner made a key spent. */
export const WAS_SPENT_BY: string = `
  SELECT 1 FROM poe_spent WHERE substr(key_hash, 1, 6) = ? AND key_hash = ? AND owner = ?`

/** Replaces what an owner recorded. */
export const REPLACE_OUTCOME: string = `
  UPDATE poe_spent SET head = ?, body = ?
  WHERE substr(key_hash, 1, 6) = ? AND key_hash = ? AND owner = ?`

/** Frees an owner's key. */
export const RELEASE = 'DELETE FROM poe_claim WHERE key = ? AND owner = ?'

/** Frees an undecided key. */
export const RELEASE_UNDECIDED: string = `
  DELETE FROM poe_claim
  WHERE key = ? AND owner = ? AND on_silence = 'undecided' AND lease_until_ms <= ?`

/**
 * Lists undecided records by key. Unspent records have a table of their own, so that this looks at
 * none of the many spent ones, and needs no index but the key.
 */
export const LIST_UNDECIDED: string = `
  SELECT key, owner, lease_until_ms FROM poe_claim
  WHERE key > ? AND on_silence = 'undecided' AND lease_until_ms <= ?
    AND (keep_until_ms IS NULL OR keep_until_ms >= ?)
  ORDER BY key LIMIT ?`

/** Whether a key is running and an owner's. */
export const IS_RUNNING: string = `
  SELECT 1 FROM poe_claim WHERE key = ? AND owner = ? AND lease_until_ms > ?`

/** The secrets in their order. */
export const SECRETS = 'SELECT id, secret FROM poe_secret ORDER BY position'

/** Adds a secret. */
export const ADD_SECRET = 'INSERT INTO poe_secret (position, id, secret) VALUES (?, ?, ?)'

/**
 * How long a time slice is, in milliseconds. Spent records are indexed by the slice in which their
 * time ends: those of one slice lie together in the order in which they came, so the index grows
 * at a few places instead of everywhere.
 */
export const SLICE_MS = 600_000

/** Removes some spent records of slices that are over. */
export const PURGE_PAST_SLICES: string = `
  DELETE FROM poe_spent WHERE id IN (
    SELECT id FROM poe_spent WHERE keep_until_ms / ${SLICE_MS} < ? LIMIT ?)`

/** Removes some spent records of the slice that is on; looks at its first ones only. */
export const PURGE_SLICE: string = `
  DELETE FROM poe_spent WHERE id IN (
    SELECT id FROM (
      SELECT id, keep_until_ms FROM poe_spent WHERE keep_until_ms / ${SLICE_MS} = ? LIMIT ?)
    WHERE keep_until_ms < ? LIMIT ?)`

/** Removes some claims that are past their time and that nobody is at work on. */
export const PURGE_CLAIMS: string = `
  DELETE FROM poe_claim WHERE key IN (
    SELECT key FROM poe_claim WHERE keep_until_ms < ? AND lease_until_ms <= ? LIMIT ?)`

/** Whether anything could be purged. */
export const HAS_EXPIRED: string = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM poe_spent WHERE keep_until_ms / ${SLICE_MS} < ?)
    OR EXISTS (
      SELECT 1 FROM (
        SELECT keep_until_ms FROM poe_spent WHERE keep_until_ms / ${SLICE_MS} = ? LIMIT ?)
      WHERE keep_until_ms < ?)
    OR EXISTS (SELECT 1 FROM poe_claim WHERE keep_until_ms < ? AND lease_until_ms <= ?)`

/** Removes all secrets; others are written in the same transaction. */
export const DROP_SECRETS = 'DELETE FROM poe_secret'

const CLAIM_COLUMNS = 'key, owner, lease_until_ms, on_silence, keep_until_ms'
const SPENT_COLUMNS = 'id, key_hash, keep_until_ms, head, length(body)'
const IS_OVER = 'keep_until_ms IS NOT NULL AND keep_until_ms < @now'

/** Counts records by what they are; reads all. */
export const COUNT: string = `
  SELECT running, undecided, free, expired, since, lapse, spent, spent_over FROM (
    SELECT count(*) FILTER (WHERE lease_until_ms > @now) AS running,
      count(*) FILTER (WHERE lease_until_ms <= @now AND NOT (${IS_OVER})
        AND on_silence = 'undecided') AS undecided,
      count(*) FILTER (WHERE lease_until_ms <= @now AND NOT (${IS_OVER})
        AND on_silence = 'free') AS free,
      count(*) FILTER (WHERE lease_until_ms <= @now AND ${IS_OVER}) AS expired,
      min(lease_until_ms) FILTER (WHERE lease_until_ms <= @now AND NOT (${IS_OVER})
        AND on_silence = 'undecided') AS since,
      min(lease_until_ms) FILTER (WHERE lease_until_ms > @now) AS lapse
    FROM poe_claim),
  (SELECT count(*) FILTER (WHERE NOT (${IS_OVER})) AS spent,
    count(*) FILTER (WHERE ${IS_OVER}) AS spent_over FROM poe_spent)`

/** A claim by its key. */
export const FIND_CLAIM: string = `SELECT ${CLAIM_COLUMNS} FROM poe_claim WHERE key = ?`

/** A spent record by the hash of its key. */
export const FIND_SPENT: string = `
  SELECT ${SPENT_COLUMNS} FROM poe_spent WHERE substr(key_hash, 1, 6) = ? AND key_hash = ?`

/** Some claims after a key. */
export const SCAN_CLAIMS: string = `
  SELECT ${CLAIM_COLUMNS} FROM poe_claim WHERE key > ? ORDER BY key LIMIT ?`

/** Some spent records after a place. */
export const SCAN_SPENT: string = `
  SELECT ${SPENT_COLUMNS} FROM poe_spent WHERE id > ? ORDER BY id LIMIT ?`
