/**
 * Makes a process in which better-sqlite3 is not installed, or is of the version that
 * `POE_TEST_DRIVER` names and cannot be loaded.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import Module from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { POE_TEST_DRIVER: version } = process.env
const folder = mkdtempSync(join(tmpdir(), 'poe-driver-'))
process.once('exit', () => rmSync(folder, { recursive: true }))
const about = join(folder, 'package.json')
writeFileSync(about, JSON.stringify({ version }))

const resolve = Module._resolveFilename
Module._resolveFilename = function resolveFilename(request, ...rest) {
  if (version !== undefined && request === 'better-sqlite3/package.json') return about
  if (request.startsWith('better-sqlite3')) throw new Error("Cannot find module 'better-sqlite3'")
  return resolve.call(this, request, ...rest)
}
