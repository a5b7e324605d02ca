/** Arbitraries for fast-check: POE-URIs in every form that the grammar has. */
import fc from 'fast-check'

const CHARACTERS = [..."abzAZ019-._~!$&'()*+,;=@", '%20', '%2F', '%c3%bc']
const text = (extra: string) =>
  fc.string({ unit: fc.constantFrom(...CHARACTERS, ...extra), maxLength: 8 })
const tail = fc.array(text(':'), { maxLength: 4 }).map(all => all.map(one => `/${one}`).join(''))
const query = fc.option(text(':/?'), { nil: null }).map(one => (one === null ? '' : `?${one}`))
const host = fc.constantFrom('shop.example', 'localhost', '127.0.0.1', '[::1]', 'a%20b', 'A')
const port = fc.constantFrom('', ':', ':8080', ':0')
const user = fc.constantFrom('', 'user@', 'user:pw@')
const authority = fc.tuple(user, host, port).map(parts => `//${parts.join('')}`)
const path = fc
  .oneof(
    tail,
    fc.tuple(text(''), tail).map(parts => parts.join('')),
  )
  .filter(one => !one.startsWith('//'))

const scheme = fc.constantFrom('http:', 'https:', 'HTTP:', 'a+b.c-1:')
const dots = fc.constantFrom('./p', '../p', './a:b', '.', '..', '')

/** Any valid POE-URI: absolute, scheme-relative, path-absolute, relative, query alone, empty. */
export const poeUri: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      fc.tuple(scheme, authority, tail).map(parts => parts.join('')),
      fc.tuple(authority, tail).map(parts => parts.join('')),
      path.map(one => `urn:${one}`),
      path,
      dots,
    ),
    query,
  )
  .map(parts => parts.join(''))
