/**
 * Reading arguments strictly: whatever cannot be meant is said, and nothing is guessed.
 */
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { webUrl } from '../client/answer.js'
import { Misuse, type Terminal } from './command.js'

/** The flags of a command, by name. */
export type Flags = Readonly<
  Record<
    string,
    {
      readonly type: 'string' | 'boolean'
      readonly multiple?: boolean
      readonly short?: string
    }
  >
>

/** What was given for each flag. */
export type FlagValues<F extends Flags> = {
  readonly [N in keyof F]?: F[N] extends { readonly multiple: true }
    ? readonly string[]
    : F[N] extends { readonly type: 'boolean' }
      ? boolean
      : string
}

/**
 * Reads the arguments of a command.
 *
 * @param args - what follows its name
 * @param flags - those that there are
 * @param most - how many arguments may be no flags. Default: 1
 * @returns the flags' values, and the arguments that are no flags: the first one, and all
 * @throws Misuse
 */
export function readArguments<const F extends Flags>(
  args: string[],
  flags: F,
  most: number = 1,
): {
  readonly values: FlagValues<F>
  readonly url: string | undefined
  readonly all: readonly string[]
} {
  const { values, positionals, tokens } = parse(args, flags)
  const seen = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (seen.has(token.name) && flags[token.name]?.multiple !== true) {
      throw new Misuse(`Give --${token.name} once.`)
    }
    seen.add(token.name)
  }
  if (positionals.length > most) {
    throw new Misuse('Give one URL; what holds spaces needs quotes around it.')
  }
  return { values: values as FlagValues<F>, url: positionals[0], all: positionals }
}

/**
 * Reads a URL that can be asked by HTTP.
 *
 * @param text - what was given
 * @param what - what it is, for the message
 * @param base - what it may be relative to
 * @throws Misuse
 */
export function readUrl(text: string, what: string, base?: URL): URL {
  const url = webUrl(text, base)
  if (url !== null) return url
  // A password must not come back in a message.
  const hasLogin = URL.canParse(text) && new URL(text).username + new URL(text).password !== ''
  if (hasLogin) {
    throw new Misuse(`${what} must not hold a login; give --header 'Authorization: ...' instead.`)
  }
  throw new Misuse(`${what} must be a URL that begins with http:// or https://.`)
}

/**
 * Reads a whole number from 1.
 *
 * @throws Misuse
 */
export function readCount(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^[1-9]\d*$/.test(text) && value <= 2_147_483_647) return value
  throw new Misuse(`--${flag} takes a whole number from 1 to 2147483647.`)
}

/**
 * Resolves a path from where the command was typed: npm runs it in the package's folder, and says
 * in `INIT_CWD` where that was.
 */
export function fromWhereTyped(path: string, { env, folder }: Terminal): string {
  const { INIT_CWD, npm_package_json: manifest } = env
  // A script that has gone elsewhere by itself means the folder that it went to.
  const isMovedByNpm = manifest === undefined || dirname(manifest) === folder
  return resolve(INIT_CWD !== undefined && isMovedByNpm ? INIT_CWD : folder, path)
}

function parse(args: string[], options: Flags) {
  try {
    const joined = joinValues(args, options)
    return parseArgs({ args: joined, options, allowPositionals: true, tokens: true, strict: true })
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error))
  }
}

/**
 * Writes `--flag -value` as `--flag=-value`: an id in base64url may begin with a hyphen. What is a
 * flag, or looks like one that was mistyped, stays apart: then the value may have been forgotten,
 * and the message says how to give it all the same.
 */
function joinValues(args: readonly string[], flags: Flags): string[] {
  const isShort = (word: string) =>
    Object.values(flags).some(({ short }) => short !== undefined && word === `-${short}`)
  const joined: string[] = []
  for (let at = 0; at < args.length; at += 1) {
    const [word = '', next = ''] = args.slice(at, at + 2)
    if (word === '--') return [...joined, ...args.slice(at)]
    const takesValue = word.startsWith('--') && flags[word.slice(2)]?.type === 'string'
    const isValue = takesValue && /^-[^-]/.test(next) && !isShort(next)
    joined.push(isValue ? `${word}=${next}` : word)
    if (isValue) at += 1
  }
  return joined
}
