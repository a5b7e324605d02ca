/** Types of packages that bring none: as much of them as the example uses. */
declare module 'koa-csrf' {
  import type { Middleware } from 'koa'

  /** Demands the session's token of every request that may change something. */
  const CSRF: new (options?: { readonly disableQuery?: boolean }) => Middleware
  export default CSRF
}
declare module '@koa/multer' {
  import type { Middleware } from 'koa'
  /** Parses multipart forms; files go to memory. */
  export default function multer(options?: {
    readonly limits?: { readonly fileSize?: number; readonly files?: number }
  }): { any(): Middleware; single(field: string): Middleware }
}
