/** The help of each command fits a terminal of 80 columns, and nothing of it is lost. */
import { expect } from 'chai'
import { wrapHelp } from '../../lib/cli/wrap-help.js'
import { poeHere } from './fake-terminal.js'

const VERBS = 'stats list show settle release purge rotate-epoch rotate-secret export check'
const COMMANDS = [
  ...['post', 'resume', 'links', 'check', 'check-client', 'explain', 'migrate', 'store'],
  ...VERBS.split(' ').map(verb => `store ${verb}`),
]

describe('help', () => {
  for (const command of ['', ...COMMANDS]) {
    it(`poe ${command} --help fits 80 columns`, async () => {
      const { code, out } = await poeHere([...command.split(' ').filter(Boolean), '--help'])
      expect(code).to.equal(0)
      expect(out).to.match(/^Usage: poe /)
      expect(out.split('\n').filter(line => line.length > 80)).to.deep.equal([])
      expect(out.split('\n').length).to.be.above(6)
    })
  }

  it('each command stands apart from what it does', async () => {
    const { out } = await poeHere(['--help'])
    for (const name of COMMANDS.filter(command => !command.includes(' '))) {
      expect(out).to.match(new RegExp(`^  ${name}  +\\S`, 'm'))
    }
  })

  it('what stands beside a flag stays in its column; blank lines and words stay', () => {
    const text =
      'Usage: poe x <a> [--b]\n\nOne two three four.\nFive.\n\n  --b   six seven\n        eight'
    const wrapped = wrapHelp(text, 16)
    expect(wrapped).to.equal(
      [
        ...['Usage: poe x <a>', '             [--b]', '', 'One two three', 'four. Five.', ''],
        ...['  --b   six', '        seven', '        eight'],
      ].join('\n'),
    )
    expect(wrapped.split(/\s+/)).to.deep.equal(text.split(/\s+/))
  })
})
