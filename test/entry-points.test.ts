/**
 * What the package gives to others, name by name: a name that comes or goes is a decision, not an
 * accident.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'

const ENTRY_POINTS: Readonly<Record<string, readonly string[]>> = {
  '.': [
    'ERROR_CODES',
    'EVENTS_CHANNEL',
    'POE_LINKS_LIMIT_CHARS',
    'POE_LINKS_LIMIT_MEMBERS',
    'PoeError',
    'bucketOf',
    'formatPoe',
    'formatPoeLinks',
    'parsePoe',
    'parsePoeLinks',
    'resolvePoeLinks',
  ],
  './client': [
    'ClientError',
    'LinkPool',
    'PostAborted',
    'classify',
    'createClient',
    'delayFor',
    'fileJournal',
    'linkPool',
  ],
  './client/browser': ['ClientError', 'PostAborted', 'classify', 'createClient', 'delayFor'],
  './client/browser/journal': ['LinkPool', 'createClient', 'indexedDbJournal', 'linkPool'],
  './client/form': ['definePoeForm', 'enhance'],
  './koa': ['PermanentError', 'answerExpectations', 'anyone', 'corsFields', 'poe'],
  './otel': ['startTelemetry'],
  './node': ['PermanentError', 'answerExpectations', 'anyone', 'corsFields', 'poe'],
  './fetch': ['PermanentError', 'anyone', 'corsFields', 'poe'],
  './stores/memory': ['memoryStore'],
  './stores/postgres': ['joiningPool', 'postgresMigrationSql', 'postgresStore'],
  './stores/redis': ['redisStore'],
  './stores/sqlite': ['sqliteStore'],
  './conformance': [
    'AdapterError',
    'CHECKS',
    'CLIENT_REQUIREMENTS',
    'COMPARISON_FORMATS',
    'DOORS',
    'DOOR_CHECKS',
    'DOOR_REQUIREMENTS',
    'EXPLANATIONS',
    'REPORT_FORMATS',
    'REQUIREMENTS',
    'SCENARIOS',
    'checkAdapter',
    'checkClient',
    'pageOf',
    'printableClientReport',
    'printableReport',
    'readAdapter',
    'runConformance',
    'writeComparison',
    'writeReport',
  ],
  './testing': [
    'checkLinkRoundTrip',
    'fakeClock',
    'faultProxy',
    'fieldValues',
    'halfSent',
    'rawRequest',
    'releaseTogether',
    'requestBytes',
    'responseOf',
    'slowly',
    'storeContract',
  ],
}

interface PackageFile {
  readonly exports: Readonly<Record<string, unknown>>
}

describe('the entry points', () => {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { exports } = JSON.parse(file) as PackageFile

  it('are those of package.json', () => {
    const known = Object.keys(exports).filter(name => name !== './package.json')
    expect(known.toSorted()).to.deep.equal(Object.keys(ENTRY_POINTS).toSorted())
  })

  for (const [entry, names] of Object.entries(ENTRY_POINTS)) {
    it(`post-once-exactly${entry.slice(1)} gives ${names.length} names`, async () => {
      const module: object = await import(`post-once-exactly${entry.slice(1)}`)
      expect(Object.keys(module).toSorted()).to.deep.equal([...names].toSorted())
    })
  }
})
