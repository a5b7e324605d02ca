/**
 * Makes a process in which better-sqlite3 is not installed.
 */
import Module from 'node:module'

const resolve = Module._resolveFilename
Module._resolveFilename = function resolveFilename(request, ...rest) {
  if (request.startsWith('better-sqlite3')) throw new Error("Cannot find module 'better-sqlite3'")
  return resolve.call(this, request, ...rest)
}
