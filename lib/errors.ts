/**
 * The one table of error codes, and the class that carries them.
 *
 * Expected results are values (discriminated unions); a `PoeError` is for what an operator or a
 * developer has to act on. `docs/errors.md` repeats this table, and a test holds them equal.
 */

/** Every stable code, with what it means and what to do. */
export const ERROR_CODES = {
  ERR_POE_STORE_DOWN: 'The store did not answer in time or refused. Check that it runs; retry.',
  ERR_POE_STORE_BUSY:
    'The store answers, but another transaction held what this call needed. Retry.',
  ERR_POE_STORE_FULL: 'The store is at its capacity. Raise the limit or shorten the horizon.',
  ERR_POE_STORE_CONFIG:
    'The store cannot be relied on as its server is set up. The message names the setting.',
  ERR_POE_STORE_SCHEMA: 'The store holds a schema that this version cannot use. Migrate it.',
  ERR_POE_STORE_RECORD:
    'A record has a form that this release does not know: a newer one wrote it. Update this one.',
  ERR_POE_SECRETS:
    'The signing secrets that the store keeps cannot be read. Restore them, or set secrets.',
  ERR_POE_STORE_CLOSED: 'The store was closed. Create a new one.',
  ERR_POE_LEASE_LOST:
    'The claim is no longer ours: its lease ran out, its handler ended, or an operator settled it.',
  ERR_POE_RUN_TOO_LONG: 'The handler ran longer than maxRunMs. Raise it, or make the work shorter.',
  ERR_POE_TX_OVER: 'The transaction is over. Use ctx.poe.tx only before the handler returns.',
  ERR_POE_TX_TIMEOUT: 'The transaction was open longer than txMaxMs and was rolled back.',
  ERR_POE_TX_CONFLICT: 'The database undid the transaction for the sake of another one. Retry.',
  ERR_POE_TX_STOLEN: 'The handler ended the transaction itself. Leave COMMIT and ROLLBACK to us.',
  ERR_POE_TX_NOT_JOINED:
    'This could not join the transaction of the handler, and was not run. The message says why.',
  ERR_POE_TX_UNFINISHED:
    'The handler succeeded while a query of its own went on, or had failed unheard. Await them.',
  ERR_POE_BODY_UNREADABLE: 'The answer could not be turned into bytes. The POST did succeed.',
  ERR_POE_PRINCIPAL: 'principal(ctx) gave something that names nobody and no one.',
  ERR_POE_NO_LINK: 'A link was asked for that cannot be minted. The message says why.',
  ERR_POE_NO_LINK_FOUND: 'The page announces no link that may be posted to. The message says more.',
  ERR_POE_LINK_BUSY:
    'Other content was sent to this link, and how that ended is not known. Settle it first.',
  ERR_POE_BODY_ONCE: 'The body can be read only once, and it was. Give a function that makes it.',
  ERR_POE_BODY_TOO_LARGE: 'The body is longer than bodyLimitBytes. Nothing was sent.',
  ERR_POE_ABORTED: 'The caller ended the POST. Look at outcome before it is sent anew.',
  ERR_POE_UNKNOWN_OUTCOME:
    'It cannot be told whether the POST took effect. Do not send it anew through another link.',
  ERR_POE_NOT_TAKEN:
    'The POST did not take effect: what answered is not the link, which says it is unused.',
  ERR_POE_RESULT_LOST: 'The POST took effect; its answer broke off. Ask the link for it by GET.',
  ERR_POE_JOURNAL: 'The journal cannot be read or written; what is not in it was not sent.',
} as const

/** A stable error code. */
export type PoeErrorCode = keyof typeof ERROR_CODES

/**
 * An operational failure with a stable code.
 *
 * @see ERROR_CODES
 */
export class PoeError extends Error {
  override readonly name = 'PoeError'
  /** The stable code; messages may change, codes do not. */
  readonly code: PoeErrorCode

  /**
   * @param code - one of {@link ERROR_CODES}
   * @param message - what happened here; the table's text when left out
   * @param options - `cause`, as for `Error`
   */
  constructor(code: PoeErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? ERROR_CODES[code], options)
    this.code = code
  }
}
