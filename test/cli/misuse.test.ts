/** What cannot be meant: each wrong argument is said, exits 2, and nothing is sent. */
import { expect } from 'chai'
import { poeHere } from './fake-terminal.js'
import { endPoes, ORDER, poe, withServer } from './poe.js'

const URL = 'http://ORIGIN/page'
const GOOD = [URL, '--json', ORDER]

const WRONG: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['post'], /Give the content/],
  [['post', '--json', ORDER], /Give the URL of a page .* --link/],
  [['post', URL], /Give the content: --json, --form or --data/],
  [['post', ...GOOD, 'more'], /Give one URL; what holds spaces needs quotes/],
  [['post', URL, '--json', '{sku:1}'], /no JSON; nothing was sent\. Is it quoted/],
  [['post', URL, '--json', ''], /no JSON/],
  [['post', URL, '--json', '@order.json'], /--data @order\.json --header 'Content-Type/],
  [['post', ...GOOD, '--form', 'a=b'], /Give one of --json, --form and --data/],
  [['post', ...GOOD, '--json', ORDER], /Give --json once/],
  [['post', ...GOOD, '--tries', '2', '--tries', '3'], /Give --tries once/],
  [['post', URL, '--data', '@'], /lacks the name of a file/],
  [['post', URL, '--data', '@no-such-file'], /The file of --data cannot be read: ENOENT/],
  [['post', 'localhost:3000/basket', '--json', '1'], /begins with http:\/\/ or https:\/\//],
  [['post', '/basket', '--json', '1'], /The page must be a URL/],
  [['post', 'ftp://h/x', '--json', '1'], /begins with http/],
  [['post', 'http://u:s3cret@h/', '--json', '1'], /must not hold a login; give --header/],
  [['post', '--link', '/relative', '--json', '1'], /The link must be a URL/],
  [['post', URL, '--link', 'javascript:1', '--json', '1'], /The link must be a URL/],
  [['post', ...GOOD, '--link', '/x', '--mint'], /--mint or --link, not both/],
  [['post', ...GOOD, '--mint', '--idempotency-key', 'k'], /--mint or --idempotency-key/],
  [['post', ...GOOD, '--idempotency-key', 'ключ'], /ASCII characters, or auto/],
  [['post', ...GOOD, '--idempotency-key', ''], /ASCII characters, or auto/],
  [['post', ...GOOD, '--header', 's3cret'], /a name, a colon and a value/],
  [['post', ...GOOD, '--header', ': s3cret'], /a name, a colon and a value/],
  [['post', ...GOOD, '--header', 'Authorization: s3cret\u0007\n'], /authorization' cannot be sent/],
  [['post', ...GOOD, '--header', 'Bad Name: s3cret'], /'bad name' cannot be sent/],
  [['post', ...GOOD, '--header', 'Content-Length: 3'], /cannot set content-length/],
  [['post', ...GOOD, '--header', 'Expect: 100-continue'], /cannot set expect/],
  [['post', ...GOOD, '--header', 'Idempotency-Key: s3cret'], /Give --idempotency-key instead/],
  [
    ['post', ...GOOD, '-H', 'Content-Type: a/b', '-H', 'Content-Type: a/c'],
    /Give one Content-Type/,
  ],
  [['post', ...GOOD, '--tries', '0'], /--tries takes a whole number from 1/],
  [['post', ...GOOD, '--tries', '1.5'], /--tries takes/],
  [['post', ...GOOD, '--timeout', '5s'], /--timeout takes/],
  [['post', ...GOOD, '--total', '99999999999'], /--total takes/],
  [['post', ...GOOD, '--output', 'xml'], /--output takes json or text/],
  [['post', ...GOOD, '--journal', ''], /--journal lacks the name/],
  [['post', ...GOOD, '--journal', '/no/such/folder/j'], /cannot be used.*ENOENT/],
  [['post', ...GOOD, '--journal', '/'], /cannot be read: EISDIR/],
  [['post', ...GOOD, '--nope'], /Unknown option '--nope'/],
  [['post', ...GOOD, '--mint=yes'], /--mint/],
  [['post', ...GOOD, '--link'], /--link/],
  [['resume'], /Give the journal with --journal/],
  [['resume', '--journal', ''], /Give the journal/],
  [['resume', URL, '--journal', 'j'], /resume takes no URL/],
  [['resume', '--journal', 'j', '--json', '1'], /Unknown option '--json'/],
  [['resume', '--journal', 'j', '--output', 'yaml'], /--output takes/],
  [['resume', '--journal', '/'], /cannot be read: EISDIR/],
  [['links'], /Give the URL of a page/],
  [['links', 'basket'], /The page must be a URL/],
  [['links', URL, URL], /Give one URL/],
  [['links', URL, '--json', '1'], /Unknown option '--json'/],
  [['links', URL, '--header', 'Cookie s3cret'], /a name, a colon/],
]

describe('poe, called wrongly', () => {
  afterEach(endPoes)

  for (const [args, message] of WRONG) {
    it(`poe ${args.join(' ')}: exit 2, and nothing is sent`, () =>
      withServer(
        (_seen, response) => response.end(),
        async ({ origin, seen }) => {
          const given = args.map(one => one.replace('http://ORIGIN', origin))
          const ended = await poeHere(given)
          expect(ended.err).to.match(message)
          expect(ended.err).to.include(`\`poe ${args[0]} --help\` tells more.`)
          expect(ended.err).not.to.include('s3cret')
          expect([ended.code, ended.out, seen.length]).to.deep.equal([2, '', 0])
        },
      ))
  }

  it('the same as a process', async () => {
    const ended = await poe(['post', 'http://127.0.0.1:9/', '--json', '{'])
    expect(ended.err).to.match(/^What --json gives is no JSON/)
    expect([ended.code, ended.out]).to.deep.equal([2, ''])
  })

  for (const name of ['post', 'resume', 'links', 'migrate']) {
    it(`poe ${name} --help: usage, flags and exit codes, in 100 columns`, async () => {
      const ended = await poeHere([name, '--help'])
      expect(ended.out).to.match(new RegExp(`^Usage: poe ${name} `))
      expect(ended.out).to.match(/Exit codes:[\s\S]*\b2\b/)
      expect(ended.out.split('\n').filter(line => line.length > 100)).to.deep.equal([])
      expect(ended.code).to.equal(0)
    })
  }

  it('poe --help lists the commands', async () => {
    const { out } = await poeHere(['--help'])
    expect(out).to.match(/ post [\s\S]* resume [\s\S]* links [\s\S]* migrate /)
  })
})
