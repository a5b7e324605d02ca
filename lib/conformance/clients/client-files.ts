/**
 * The files of a client that is a page in a browser.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
}

/**
 * Serves a file; 404 where there is none.
 *
 * @param response - the answer
 * @param folder - nothing outside of it is served; `null` for no files at all
 * @param name - its path below the folder
 */
export async function serveFile(
  response: ServerResponse,
  folder: string | null,
  name: string,
): Promise<void> {
  const path = normalize(name)
  const file = folder === null || path.startsWith('..') ? null : join(folder, path)
  if (file === null || !(await isFile(file))) {
    response.writeHead(404).end()
    return
  }
  const ending = /\.(\w+)$/.exec(file)?.[1] ?? ''
  response.writeHead(200, { 'Content-Type': TYPES[ending] ?? 'application/octet-stream' })
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response)
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    found => found.isFile(),
    () => false,
  )
}
