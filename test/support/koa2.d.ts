/** Koa 2 under a name of its own; its types are close enough to Koa 3's for these tests. */
declare module 'koa2' {
  import Koa from 'koa'
  export default Koa
}
