/**
 * Faults that take another spelling of a link for another link, as rows.
 */
import { type Behaviour, pathOf } from './behaviour.js'
import type { Make, MeantRow } from './wrong-ours.js'

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

/** All of them. */
export const SPELT: readonly MeantRow[] = [
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
]

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
