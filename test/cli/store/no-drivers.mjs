/**
 * Makes a process in which no driver of a store is installed.
 */
import Module, { register } from 'node:module'

const DRIVERS = ['pg', 'ioredis', 'redis', 'better-sqlite3']

const HOOKS = `
  export async function resolve(specifier, context, next) {
    if (!${JSON.stringify(DRIVERS)}.includes(specifier)) return next(specifier, context)
    const error = new Error("Cannot find package '" + specifier + "'")
    throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' })
  }`
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`)

const resolve = Module._resolveFilename
Module._resolveFilename = function resolveFilename(request, ...rest) {
  if (DRIVERS.includes(request)) throw new Error(`Cannot find module '${request}'`)
  return resolve.call(this, request, ...rest)
}
