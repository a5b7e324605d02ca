/**
 * What an application's author is told once, because it looks like a mistake and may be meant.
 */

/** Whom something was said to already, by its code. */
const warned = new Map<string, WeakSet<object>>()

/**
 * Says once for each `poe()` that links need somebody: an application without a login yet wonders
 * why it gets none.
 */
export function warnOfNobody(owner: object): void {
  warnOnce(
    owner,
    'POE_NOBODY',
    'principal(ctx) gave nobody: such a request gets no link (null), and 404 at every link. ' +
      'That is right for those who are not logged in. Without logins, name a session, or give ' +
      '`anyone` as principal, so that links are bound to nobody. This is said once.',
  )
}

/**
 * Says once for each `poe()` that a transactional handler succeeded without its transaction. The
 * record's key tells which handler it was.
 */
export function warnOfUnused(owner: object, key: string): void {
  warnOnce(
    owner,
    'POE_TRANSACTION_UNUSED',
    `A handler with transactional: true succeeded and never used its transaction (${key}). What ` +
      'it wrote, if anything, was written outside: a throw leaves it there, and a retry writes ' +
      'it again. Write through ctx.poe.tx, or give your ORM a joiningPool(pool). Where a success ' +
      "without any write is right, say transactional: 'may-be-empty'. This is said once; the " +
      'event transaction-unused tells each time.',
  )
}

/**
 * Says once for each `poe()` that a transactional handler has sent a success by itself. The
 * record's key tells which handler it was.
 */
export function warnOfEarly(owner: object, key: string): void {
  warnOnce(
    owner,
    'POE_ANSWERED_BEFORE_COMMIT',
    `A handler with transactional: true sent its answer itself, before the commit (${key}). If ` +
      'that fails, or the handler throws, its client was told of a success that is undone. ' +
      'Set ctx.status and ctx.body in place of ctx.respond = false. This is said once.',
  )
}

function warnOnce(owner: object, code: string, text: string): void {
  const told = warned.get(code) ?? new WeakSet()
  warned.set(code, told)
  if (told.has(owner)) return
  told.add(owner)
  process.emitWarning(text, { code })
}
