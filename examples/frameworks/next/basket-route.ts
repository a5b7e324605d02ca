/** `app/basket/route.ts`. */
export { basket as GET } from './once.js'

/** A page with a link is made for each request: Next.js must not keep it. */
export const dynamic = 'force-dynamic'
