/**
 * What the server-side functions and their callers have agreed on: SQLSTATEs and the time slice.
 */

/** SQLSTATE of a standby that was asked: what it knows may be old. */
export const IS_STANDBY = 'PO001'
/** SQLSTATE of a completion whose owner lost the key. */
export const IS_STALE = 'PO002'
/** SQLSTATE of a completion in another transaction than the one that was begun for it. */
export const IS_STOLEN = 'PO003'
/** SQLSTATE of a claim whose statement does not see what was committed while it waited. */
export const IS_TOO_ISOLATED = 'PO004'

/** The advisory locks of those who make or remove a record; the other half is its key's hash. */
export const LINE = 1886350693

/**
 * How long a time slice is, in milliseconds. Records are indexed by the slice in which their time
 * ends: many equal entries, which PostgreSQL keeps as lists.
 */
export const SLICE_MS = 600_000
