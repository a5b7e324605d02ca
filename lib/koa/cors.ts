/**
 * What a cross-origin script must be allowed to send and to see, in the form that `@koa/cors`
 * takes.
 *
 * @see POE draft 3, 4; draft-ietf-httpapi-idempotency-key-header-07 2.1
 */

/**
 * `cors({ ...corsFields, origin })`: what doors ask for may be sent, and what they tell may be
 * read.
 */
export const corsFields: Readonly<
  Record<'allowHeaders' | 'exposeHeaders' | 'allowMethods', string[]>
> = {
  allowHeaders: [
    ...['POE', 'Content-Type', 'Content-Digest', 'Idempotency-Key', 'Duplicate-Override'],
    ...['If-Match', 'If-None-Match', 'If-Unmodified-Since', 'If-None-Exist'],
    ...['Repeatability-Request-ID', 'Repeatability-First-Sent', 'Repeatability-Client-ID'],
  ],
  exposeHeaders: [
    ...['POE-Links', 'Link', 'Location', 'Allow', 'Retry-After', 'Date', 'ETag'],
    ...['Idempotent-Replayed', 'Repeatability-Result'],
  ],
  allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
}
