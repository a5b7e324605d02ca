/** What to say where a driver of a store is not installed. */

const PACKAGE = /Cannot find package '([\w@/-]+)'/

/**
 * Looks whether an error says that a driver is not installed.
 *
 * @param error - what an import was rejected with
 * @returns what to install, as a sentence, or `null` where it says anything else
 */
export function missingDriver(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  if (error.message.includes('npm install')) return error.message
  if (!('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return null
  const name = PACKAGE.exec(error.message)?.[1]
  return name === undefined ? null : `This needs the driver: run \`npm install ${name}\`.`
}
