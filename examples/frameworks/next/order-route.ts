/** `app/orders/once/[token]/route.ts`. */
export {
  order as DELETE,
  order as GET,
  order as HEAD,
  order as OPTIONS,
  order as PATCH,
  order as POST,
  order as PUT,
} from './once.js'
