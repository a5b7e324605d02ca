/**
 * Faults that take another spelling of a link for another link, as rows.
 */
import { type Behaviour, pathOf, rawPathOf } from './behaviour.js'
import { WRONG_MEMORY } from './wrong-memory.js'
import type { Make, MeantRow } from './wrong-ours.js'
import { WRONG_POSTS } from './wrong-posts.js'

const TOKEN = /^(.*\/\d+-[\w-]{22})(.*)$/

/** Something behind a link makes another one of it. */
const apart = (suffix: RegExp): Make => {
  return () => ({
    resolve: target => {
      const path = pathOf(target)
      const [, start = path, rest = ''] = TOKEN.exec(path) ?? []
      return suffix.test(rest) ? { path: start, record: path } : { path, record: path }
    },
  })
}

/** Faults of the first table, and the check that each of them is meant for. */
const NAMES: Readonly<Record<string, string>> = {
  'spelling-percent': 'POE-2-23/encoded',
  'spelling-query': 'POE-2-23/query',
  'spelling-slash': 'POE-2-23/slash',
  'spelling-double-slash': 'POE-2-23/slashes',
  'spelling-absolute': 'POE-2-23/absolute',
  'spelling-case': 'POE-2-23/case',
}

/** Either spelling can be used after the other one. */
const BOTH: readonly MeantRow[] = [
  [
    'spelling-suffix',
    'POE-2-23/suffix',
    'knows a link with a letter behind it as another one',
    apart(/^x$/),
  ],
  [
    'spelling-extension',
    'POE-2-23/extension',
    'knows a link with .json behind it as another one',
    apart(/^\.json$/),
  ],
  [
    'spelling-segment',
    'POE-2-23/segment',
    'knows a link with a segment behind it as another one',
    apart(/^\/x$/),
  ],
  [
    'spelling-parameter',
    'POE-2-23/parameter',
    'knows a link with a parameter as another one',
    apart(/^;x=1$/),
  ],
  [
    'spelling-malformed',
    'POE-2-23/malformed',
    'knows a link with a broken encoding as another one',
    apart(/^%zz$/),
  ],
  ['spelling-dots', 'POE-2-23/dots', 'knows a link with a dot segment as another one', dots],
  [
    'spelling-sibling',
    'POE-2-23/sibling',
    'knows the same token at another path as another link',
    sibling,
  ],
  [
    'spelling-encoded-slash',
    'POE-2-23/encoded-slash',
    'knows a link with an encoded slash as another one',
    () => ({
      resolve: target => {
        const record = pathOf(target)
        return { path: record.replace('%2F', '/'), record }
      },
    }),
  ],
  ['spelling-hex', 'POE-2-23/hex', 'reads no percent-encoding in small letters', hex],
  [
    'spelling-last-bit',
    'POE-2-23/last-bit',
    'decodes a token, and remembers it as it was spelt',
    () => ({
      resolve: target => {
        const record = pathOf(target)
        const path = record.replace(/(?<=\/\d+-)[\w-]{22}$/, token =>
          Buffer.from(token, 'base64url').toString('base64url'),
        )
        return { path, record }
      },
    }),
  ],
]

/** The same, and each of them only where the other spelling is the first to be used. */
const FIRST: readonly MeantRow[] = [
  ...BOTH.map(([name, caughtBy, says, make]) => ({ name, caughtBy, says, make })),
  ...[...WRONG_POSTS, ...WRONG_MEMORY].flatMap(({ name, says, options }) => {
    const caughtBy = NAMES[name]
    return caughtBy === undefined
      ? []
      : [{ name, caughtBy, says, make: () => ({ ...options.behaviour }) }]
  }),
].map(({ name, caughtBy, says, make }) => [
  `${name}-first`,
  `${caughtBy}-first`,
  `${says}, until it is used`,
  () => ({ ...make(), knowsSpent: true }),
])

/** All of them. */
export const SPELT: readonly MeantRow[] = [...BOTH, ...FIRST]

function dots(): Partial<Behaviour> {
  return {
    resolve: target => {
      const record = pathOf(target)
      return { path: record.replaceAll('/./', '/'), record }
    },
  }
}

function sibling(): Partial<Behaviour> {
  return {
    resolve: target => {
      const record = pathOf(target)
      return { path: record.replace(/^\/again\//, '/accounts/bob/orders/'), record }
    },
  }
}

function hex(): Partial<Behaviour> {
  return {
    resolve: target => {
      const path = pathOf(target)
      const isSmall = /%[0-9]?[a-f]/.test(target)
      return { path, record: isSmall ? rawPathOf(target) : path }
    },
  }
}
