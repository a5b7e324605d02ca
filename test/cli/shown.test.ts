/** What servers and journals say, on its way to a terminal or into a shell. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { expect } from 'chai'
import { withFolder } from '../../examples/shop/support.js'
import { quotedForShell, shown, shownLine } from '../../lib/cli/shown.js'
import { poeHere } from './fake-terminal.js'
import { endPoes, ORDER, poe, withServer } from './poe.js'

const QUICK = ['--tries', '1', '--timeout', '300', '--total', '900']
/** Clears, moves, renames the window, writes backwards, by the short and the long forms. */
const EVIL = '\u001b[2J\u001b]0;x\u0007\u009b31m\u202egnp\u2066\u007f\b\r'
const OBEYED = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u

/** Words that a shell would run, unless they are quoted. */
const RUN = ['$(touch ran)', '`touch ran`', '; touch ran #', "'; touch ran; '", '| touch ran', '&']

describe('advice that is pasted', () => {
  afterEach(endPoes)

  for (const word of [...RUN, "it's", '-n', '', 'a\nb', '*', '~', '!!', '\\', '"']) {
    it(`[FALSE-2105] ${JSON.stringify(word)} is one word of a shell, as it is`, () =>
      withFolder(async folder => {
        const script = `printf '%s' ${quotedForShell(word)}`
        const said = execFileSync('/bin/sh', ['-c', script], { cwd: folder, encoding: 'utf8' })
        expect(said).to.equal(word)
        expect(existsSync(join(folder, 'ran'))).to.equal(false)
      }))
  }

  for (const word of RUN) {
    it(`[FALSE-2105] a link with ${word} in it, and a journal and a key of that name`, () =>
      withFolder(async folder => {
        const path = `/once/${encodeURI(word.replaceAll(' ', '$IFS').replaceAll('#', ''))}`
        await withServer(
          ({ method }, response) => {
            if (method === 'POST') response.destroy()
            else response.writeHead(200, { 'poe-links': `"${path}"` }).end('page')
          },
          async ({ origin }) => {
            const page = [`${origin}/basket`, '--json', ORDER, ...QUICK]
            const key = ['--idempotency-key', word]
            const journal = ['--journal', join(folder, word.replaceAll('/', ''))]
            for (const more of [[], key, journal]) {
              const { err } = await poeHere(['post', ...page, ...more])
              const [, line = ''] = /^To settle it.*: poe (.*?)(?: \.\.\.)?$/m.exec(err) ?? []
              expect(line, err).to.match(/^(?:post|resume) /)
              execFileSync('/bin/sh', ['-c', `true ${line}`], { cwd: folder })
              expect(existsSync(join(folder, 'ran')), line).to.equal(false)
            }
          },
        )
      }))
  }
})

describe('what reaches a terminal', () => {
  it('[FALSE-2106] nothing that it would obey; JSON stays what it is; our colours stay', () => {
    expect(shown(EVIL)).to.not.match(OBEYED)
    expect(shown('a\n\tb ü 漢')).to.equal('a\n\tb ü 漢')
    const json = JSON.stringify({ evil: EVIL })
    expect(JSON.parse(shown(json))).to.deep.equal({ evil: EVIL })
    const ours = styleText('green', 'accepted', { validateStream: false })
    expect(shownLine(`${ours}: ${EVIL}`).startsWith(`${ours}: \\u001b[2J`)).to.equal(true)
  })

  it('[FALSE-2106] the content of an answer, where a person looks; bytes where a program does', () =>
    withServer(
      (_seen, response) => {
        response.writeHead(201, { 'content-type': 'text/plain; charset=utf-8' }).end(EVIL)
      },
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER]
        const watched = await poeHere(args, { isWatched: true })
        expect(watched.out).to.not.match(OBEYED)
        expect(watched.out).to.include('\\u001b[2J')
        const piped = await poeHere(args)
        expect(Buffer.from(piped.out, 'latin1').toString()).to.equal(EVIL)
      },
    ))

  it('[FALSE-2106] lines of a process, whatever they tell of', async () => {
    for (const args of [[EVIL], ['post', `http://x/${EVIL}`, '--nonsense'], ['links', EVIL]]) {
      const { out, err } = await poe(args)
      expect(`${out}${err}`, args[0]).to.not.match(OBEYED)
    }
  })
})
