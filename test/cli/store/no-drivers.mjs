/**
 * Makes a process in which no driver of a store is installed.
 */
import Module from 'node:module'

const DRIVERS = ['pg', 'ioredis', 'redis', 'better-sqlite3']

const text = `
  export function resolve(specifier, context, next) {
    if (!${JSON.stringify(DRIVERS)}.includes(specifier)) return next(specifier, context)
    const error = new Error("Cannot find package '" + specifier + "'")
    throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' })
  }`
const hooks = `data:text/javascript,${encodeURIComponent(text)}`
// Node 20 has the second alone, and Node 26 warns of that.
if (Module.registerHooks) Module.registerHooks(await import(hooks))
else Module.register(hooks)

const resolve = Module._resolveFilename
Module._resolveFilename = function resolveFilename(request, ...rest) {
  if (DRIVERS.includes(request.split('/')[0])) throw new Error(`Cannot find module '${request}'`)
  return resolve.call(this, request, ...rest)
}
