/**
 * A `once.middleware()` that is missing, or that comes too late, is told at the first request.
 */
import type { Context, Middleware } from 'koa'
import { noteLayer, placeOfLayer, type RouterLike } from './link-paths.js'
import { missingMiddleware } from './request-poe.js'

/** What is needed of a router; other routers than `@koa/router` may lack it. */
interface Router extends RouterLike {
  use?(middleware: Middleware): unknown
}

const watched = new WeakSet<object>()

/**
 * Makes the first request to a router's routes tell of a `once.middleware()` that is missing or
 * comes too late: whoever reads `ctx.poe` gets an error that says so. Routes without it go on as
 * they are. After a first request that has it, this is out of the way.
 */
export function watchForMiddleware(router: RouterLike): void {
  const { stack, use } = router as Router
  if (watched.has(router) || typeof use !== 'function' || !Array.isArray(stack)) return
  watched.add(router)
  const watch: Middleware = (ctx, next) => {
    if (ctx.poe === undefined) tellOnReading(ctx)
    else removeFrom(ctx.router as RouterLike | undefined, watch)
    return next()
  }
  use.call(router, watch)
  noteLayer(router, watch)
  // The routes that were registered before are those with the pages.
  stack.unshift(...stack.splice(-1))
}

/** Only a request that lacks it pays for this. */
function tellOnReading(ctx: Context): void {
  Object.defineProperty(ctx, 'poe', {
    configurable: true,
    get() {
      throw missingMiddleware()
    },
    set(value: unknown) {
      Object.defineProperty(ctx, 'poe', { value, configurable: true, writable: true })
    },
  })
}

/** A nested router's routes were copied into the outer one. */
function removeFrom(router: RouterLike | undefined, watch: Middleware): void {
  const at = placeOfLayer(router, watch)
  const stack = router?.stack as unknown[] | undefined
  if (at !== -1) stack?.splice(at, 1)
}
