/**
 * The exit codes as a table; and faults that are planted into the command, to see that what the
 * tests look at would show them.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { withFolder } from '../../examples/shop/support.js'
import { EXIT_CODES } from '../../lib/cli/verdict.js'
import { failureInWords, masked } from '../../lib/cli/words.js'
import { strippedModule } from '../support/stripped-tree.js'
import { poeHere } from './fake-terminal.js'
import { endPoes, ORDER, poe, printed, withServer } from './poe.js'

const QUICK = ['--tries', '1', '--timeout', '200', '--total', '600']

/** Says that the link was used, and with other content. */
const USED = {
  allow: 'GET',
  link: '</orders/1>; rel="related urn:post-once-exactly:rel:result"; anchor="/once/t"',
  'content-type': 'application/problem+json',
}

/** Each outcome by the answer that leads to it, and the code that belongs to it. */
const ENDINGS = [
  ['accepted', 0, 201, {}, ''],
  ['refused', 1, 422, {}, ''],
  ['gone', 1, 404, {}, ''],
  ['used-before', 1, 405, USED, '{"payloadMatches":false}'],
  ['unknown', 3, null, {}, ''],
] as const

/** What is wrong with a program: nothing for one that keeps the table, or one row of it. */
async function faultsOf(main: string, about = ''): Promise<string[]> {
  const faults: string[] = []
  const chosen = ENDINGS.filter(([outcome]) => about.startsWith(about === '' ? '' : outcome))
  const endings = chosen.map(([outcome, code, status, headers, content]) =>
    withServer(
      ({ method }, response) => {
        if (status === null) return
        if (method === 'GET') response.writeHead(200, { allow: 'GET' }).end('theirs')
        else response.writeHead(status, headers).end(content)
      },
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER, '--output', 'json']
        const ended = await poe(status === null ? [...args, ...QUICK] : args, { main })
        const told = String(printed(ended).outcome)
        if (told !== outcome) faults.push(`${outcome}: told ${told}`)
        if (ended.code !== code) faults.push(`${outcome}: exit ${ended.code}`)
      },
    ),
  )
  await Promise.all(endings)
  return faults
}

/** A copy of the command in which a text is another one. */
function planted(folder: string, file: string, text: string, other: string): string {
  const tree = dirname(strippedModule('lib'))
  cpSync(join(tree, 'lib'), join(folder, 'lib'), { recursive: true })
  cpSync(join(tree, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(tree, 'node_modules'), join(folder, 'node_modules'))
  const path = join(folder, 'lib/cli', file)
  const source = readFileSync(path, 'utf8')
  if (source.split(text).length !== 2) throw new Error(`${file} has not one '${text}'`)
  writeFileSync(path, source.replace(text, other))
  return join(folder, 'lib/cli/main.js')
}

describe('the exit codes of poe', () => {
  afterEach(endPoes)

  it('are those of the table', async () => {
    expect(await faultsOf(strippedModule('lib/cli/main.ts'))).to.deep.equal([])
    const table = Object.fromEntries(ENDINGS.map(([outcome, code]) => [outcome, code]))
    expect(EXIT_CODES).to.deep.equal({ ...table, 'accepted-earlier': 0 })
  })

  for (const [file, text, other, fault] of [
    ['verdict.js', 'unknown: 3', 'unknown: 0', 'unknown: exit 0'],
    ['verdict.js', "'used-before': 1", "'used-before': 0", 'used-before: exit 0'],
    ['report.js', 'return verdict.exitCode', 'return 0', 'refused: exit 0'],
    [
      'verdict.js',
      'return { outcome: outcome.outcome',
      "return { outcome: 'accepted'",
      'gone: told',
    ],
  ] as const) {
    it(`a planted fault is seen: ${other}`, () =>
      withFolder(async folder => {
        const faults = await faultsOf(planted(folder, file, text, other), fault)
        expect(faults.join('\n')).to.include(fault)
      }))
  }
})

describe('what poe says', () => {
  it('has colours on a terminal only', async () => {
    await withServer(
      (_seen, response) => void response.writeHead(201).end(),
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/t`, '--json', ORDER]
        const coloured = await poeHere(args, { isColoured: true })
        expect(coloured.err).to.equal('\x1b[32maccepted\x1b[39m: it took effect (201, 1 try).\n')
        const plain = await poe(args, { env: { FORCE_COLOR: '1' } })
        expect(plain.err).to.equal('accepted: it took effect (201, 1 try).\n')
      },
    )
  })

  for (const [link, shown] of [
    ['https://h/once/abcdefghijkl', 'https://h/once/abcd…'],
    ['https://h/once/abcdefgh', 'https://h/once/…'],
    ['https://h:81/?token=secret', 'https://h:81/…?…'],
  ] as const) {
    it(`${link} is shown as ${shown}`, () => {
      expect(masked(link)).to.equal(shown)
    })
  }

  for (const [error, words] of [
    [
      new TypeError('fetch failed', {
        cause: new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')]),
      }),
      'nobody listens there (connection refused)',
    ],
    [new TypeError('fetch failed', { cause: coded('ENOTFOUND') }), 'there is no host of that name'],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), /certificate is not trusted \(DEPTH/],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), /speaks TLS with us there: is it http\?/],
    [coded('ERR_SSL_TLSV1_UNRECOGNIZED_NAME'), /\(ERR_SSL_TLSV1_UNRECOGNIZED_NAME\)$/],
    [coded('HPE_INVALID_CONSTANT'), /is not HTTP \(HPE_INVALID_CONSTANT\)/],
    [new DOMException('No answer within 5 ms', 'TimeoutError'), 'no answer within 5 ms'],
    [new Error('what it is', { cause: 'text' }), 'what it is'],
    ['thrown text', 'thrown text'],
    [undefined, 'something went wrong'],
  ] as const) {
    it(`in words: ${words}`, () => {
      expect(failureInWords(error)).to.match(words instanceof RegExp ? words : plain(words))
    })
  }
})

function coded(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function plain(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[()]/g, '\\$&')}$`)
}
