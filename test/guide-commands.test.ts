/**
 * The blocks of guides that are not code: shell commands name flags, scripts and files that are
 * there, data can be read, and what a console shows is run by the test of transcripts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { parse } from 'yaml'
import { poeHere } from './cli/fake-terminal.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { name, scripts, devDependencies } = JSON.parse(read('package.json'))
const FENCE = /^(.*)\n```(\w*)\n([\s\S]*?)^```$/gm
/** Blocks of four spaces that begin with a command. */
const INDENTED = /(?:^ {4}\S.*\n)+/gm
const COMMAND = /^(?:[A-Z_]+=\S+ )*(?:npm|npx|node|python3) /
const OURS = /^(?:npx poe|npm run (?:--silent )?poe --|poe) (.+)$/
/** What test/guides.test.ts looks at, and what is no code. */
const ELSEWHERE = ['ts', 'js', 'nginx', 'diff', 'text', 'html', '']

interface Block {
  readonly before: string
  readonly language: string
  readonly text: string
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function blocksOf(guide: string): Block[] {
  const fenced = [...guide.matchAll(FENCE)].map(([, before = '', language = '', text = '']) => ({
    before,
    language,
    text,
  }))
  const indented = [...guide.matchAll(INDENTED)].map(([text]) => text.replaceAll(/^ {4}/gm, ''))
  const commands = indented.filter(text => COMMAND.test(text))
  return [...fenced, ...commands.map(text => ({ before: '', language: 'sh', text }))]
}

async function faultsOf({ before, language, text }: Block): Promise<string[]> {
  if (ELSEWHERE.includes(language)) return []
  if (language === 'console') return before === '<!-- transcript -->' ? [] : [`not run: ${text}`]
  if (language === 'json') return isData(JSON.parse, text)
  if (language === 'yaml') return isData(parse, text)
  if (language !== 'sh') return [`nothing looks at ${language}`]
  const lines = text.replaceAll('\\\n', ' ').split('\n')
  const commands = lines.map(line => line.replace(/(?:^|\s+)#\s.*$/, '').trim())
  return (await Promise.all(commands.map(faultsOfCommand))).flat()
}

function isData(reader: (text: string) => unknown, text: string): string[] {
  try {
    reader(text)
    return []
  } catch (error) {
    return [String(error)]
  }
}

async function faultsOfCommand(line: string): Promise<string[]> {
  const command = line.replace(/^(?:[A-Z_]+=\S+\s+)+(?=[a-z])/, '')
  const [, ours] = OURS.exec(command) ?? []
  if (ours !== undefined) return faultsOfPoe(ours)
  const [program = '', verb = '', script = '', ...more] = command.split(/\s+/)
  const files = [verb, script, ...more].filter(word =>
    /^(?:\.\/)?(?:scripts|examples|test|bench|lib)\/[\w./-]*$/.test(word),
  )
  const missing = files.filter(file => !existsSync(join(ROOT, file))).map(file => `no ${file}`)
  if (program !== 'npm') return missing
  if (verb === 'install') return [script, ...more].flatMap(faultOfPackage)
  const run = verb === 'run' ? script : verb
  return scripts[run] === undefined ? [...missing, `no script ${run}`] : missing
}

function faultOfPackage(wanted: string): string[] {
  const isKnown = wanted === name || wanted in devDependencies
  return isKnown || wanted.startsWith('-') ? [] : [`no package ${wanted}`]
}

/** Whether the command's own help names each flag; what comes after `--` is a command, too. */
async function faultsOfPoe(line: string): Promise<string[]> {
  const [own = '', inner] = line.split(/\s--\s(.*)/)
  const words = own.replaceAll(/'[^']*'/g, "''").split(/\s+/)
  const verbs = words[0] === 'store' ? words.slice(0, 2) : words.slice(0, 1)
  const help = await poeHere([...verbs, '--help'])
  const flags = words.filter(word => /^--?[a-z]/.test(word)).map(word => word.split('=')[0] ?? '')
  // What all verbs of a store have is told once, for all of them.
  const known = verbs.length > 1 ? help.out + (await poeHere(['store', '--help'])).out : help.out
  return [
    ...(help.code === 0 ? [] : [`no command ${verbs.join(' ')}`]),
    ...flags.filter(flag => !new RegExp(`${flag}(?![\\w-])`).test(known)),
    ...(inner === undefined ? [] : await faultsOfCommand(inner)),
  ]
}

const guides = [
  'README.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(ROOT, 'docs')).map(each => `docs/${each}`),
  ...readdirSync(join(ROOT, 'examples')).map(each => `examples/${each}/README.md`),
].filter(path => path.endsWith('.md') && existsSync(join(ROOT, path)))

describe('what guides let a reader type', () => {
  for (const path of guides) {
    const blocks = blocksOf(read(path))
    if (blocks.every(({ language }) => ELSEWHERE.includes(language))) continue
    it(`${path}: is there`, async () => {
      expect((await Promise.all(blocks.map(faultsOf))).flat()).to.deep.equal([])
    })
  }

  it('the adapter in conformance.md is the file that it names', () => {
    const [, text = ''] = /```json\n([\s\S]*?)```/.exec(read('docs/conformance.md')) ?? []
    const file = JSON.parse(read('examples/shop/poe-check.json'))
    expect(JSON.parse(text)).to.deep.equal(file)
  })

  for (const [language, text] of [
    ['sh', 'npx poe chek http://a.example/'],
    ['sh', 'npx poe check http://a.example/ --valide 1'],
    ['sh', 'poe store list --older 15m'],
    ['sh', 'npx poe check-client --job 2 -- ./client {url}'],
    ['sh', 'npx poe check-client -- npx poe post {url} --jso 1'],
    ['sh', 'A=1 npm run clusters'],
    ['sh', 'node scripts/gone.mjs'],
    ['sh', 'npm install post-once-exactly koaa'],
    ['json', '{"a": }'],
    ['yaml', 'a: [1'],
    ['console', '$ curl 127.0.0.1'],
    ['ruby', 'puts 1'],
  ] as const) {
    it(`a fault is noticed: ${text}`, async () => {
      const [block] = blocksOf(`x\n\n\`\`\`${language}\n${text}\n\`\`\`\n`)
      expect(await faultsOf(block as Block)).to.have.lengthOf(1)
    })
  }
})
