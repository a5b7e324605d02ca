/**
 * What a cross-origin script must be allowed to send and to see, in the form that `@koa/cors`
 * takes.
 *
 * @see POE draft 3, 4
 */

/** `cors({ ...corsFields, origin })`: `POE` may be sent; links, results and waits may be read. */
export const corsFields: {
  readonly allowHeaders: string[]
  readonly exposeHeaders: string[]
  readonly allowMethods: string[]
} = {
  allowHeaders: ['POE', 'Content-Type'],
  exposeHeaders: ['POE-Links', 'Link', 'Location', 'Allow', 'Retry-After'],
  allowMethods: ['GET', 'HEAD', 'POST'],
}
