/**
 * A file that a container was given without its folder. sqlite keeps what was committed last in a
 * `-wal` beside it, which is then the container's own: it goes with the container, and two of them
 * have one each.
 */
import { readFileSync, realpathSync } from 'node:fs'
import { PoeError } from '../../errors.js'

/**
 * Refuses a file that is mounted by itself, where the system tells of it (Linux).
 *
 * @param path - of the database file
 * @throws PoeError `ERR_POE_STORE_DOWN` that says what to do
 */
export function refuseLoneMount(path: string): void {
  const place = realPath(path)
  if (place === null || !mountPoints().includes(place)) return
  const text = `${path} is mounted without its folder, so that its -wal stays where the mount is.`
  throw new PoeError('ERR_POE_STORE_DOWN', `${text} Mount the folder, with nothing else in it.`)
}

function mountPoints(): string[] {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return lines.map(line => unescaped(line.split(' ')[4] ?? ''))
  } catch {
    return []
  }
}

/** One that is not there yet is nowhere mounted. */
function realPath(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}
