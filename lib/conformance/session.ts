/**
 * The people of one check, each with the cookies of a browser of their own.
 */
import { CookieJar } from './cookies.js'

/** Who asks. */
export type User = 'first' | 'second' | 'nobody'

/** Nobody knows anybody of another session. */
export class Session {
  readonly #jars = { first: new CookieJar(), second: new CookieJar() }

  /** The cookies of somebody; `null` for nobody. */
  jarOf(user: User): CookieJar | null {
    return user === 'nobody' ? null : this.#jars[user]
  }
}
