/**
 * A `principal` that gives nobody is told once: an application without logins wonders why it gets
 * no link.
 */

const warned = new WeakSet<object>()

/**
 * Says once for each `poe()` that links need somebody: an application without a login yet wonders
 * why it gets none.
 *
 * @param owner - the `poe()`
 */
export function warnOfNobody(owner: object): void {
  if (warned.has(owner)) return
  warned.add(owner)
  process.emitWarning(
    'principal(ctx) gave nobody: such a request gets no link (null), and 404 at every link. ' +
      'That is right for those who are not logged in. Without logins, name a session, or give ' +
      '`anyone` as principal, so that links are bound to nobody. This is said once.',
    { code: 'POE_NOBODY' },
  )
}
