/** Types of `fetch`'s arguments, made of its globals: also where TypeScript's `dom` is left out. */

/** What `new Headers()` takes (Fetch Standard, 5.1). */
export type FetchHeaders = NonNullable<ConstructorParameters<typeof Headers>[0]>

/** What `fetch()` takes as a body (Fetch Standard, 5.2). */
export type FetchBody = NonNullable<RequestInit['body']>
