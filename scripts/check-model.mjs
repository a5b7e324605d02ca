/**
 * `node scripts/check-model.mjs`: has spin go through every state of `spec-notes/model/claim.pml`,
 * once as the protocol is, and once for each thing that can be taken away from it, which must then
 * break what it is there for. `--list` names the variants; `--only <names>` runs some; `--deep` adds
 * searches with more surroundings, which take a minute of a core; `--keep` leaves spin's files;
 * `--expect <name>=<result>` expects something else of one.
 *
 * Exit code: 0 all as expected, 1 a surprise, 2 it could not run.
 */
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail, ROOT } from './prepare.mjs'

const MODEL = `${ROOT}spec-notes/model/claim.pml`
/** What one search may take: of memory in MiB, of time in milliseconds. */
const MEMORY_MIB = 1_024
const TIME_MS = 300_000
const DEPTH = 10_000
const STORY_LINES = 60

const KINDS = { external: '-DEXTERNAL', transactional: '-DTRANSACTIONAL', marks: '-DMARKS' }
const PROPERTY = { 'two effects': 1, 'false yes': 2, 'false no': 4, stuck: 8, reached: 16 }

/**
 * Name, expected result, what is modelled, flags. The bounds are the smallest in which each fault
 * below is found: a third attempt only without memory loss, and no request that comes twice then.
 */
const SOUND = Object.entries(KINDS).flatMap(([kind, flag]) => [
  [
    `${kind}-2`,
    'holds',
    `${kind}, two attempts, a request that comes twice, crashes, memory loss`,
    `${flag} -DN=2 -DCOPIES=1 -DCLAIM_COPIES -DCHECK=7`,
  ],
  [
    `${kind}-rest`,
    'holds',
    `${kind}, nobody falls silent: in the end the key is spent or can be had`,
    `${flag} -DN=2 -DSTEADY -DCHECK=15`,
  ],
  [
    `${kind}-reach`,
    'reached',
    `${kind}: somebody does get through (the claim that nobody does is refuted)`,
    `${flag} -DN=2 -DSTEADY`,
  ],
])
SOUND.push([
  'external-3',
  'holds',
  'external, three attempts, crashes',
  '-DEXTERNAL -DN=3 -DMEMORY_HOLDS -DCOPIES=0 -DCHECK=7',
])

/** The same with more requests that come twice, and three attempts everywhere, for `--deep`. */
const DEEP = Object.entries(KINDS).flatMap(([kind, flag]) => [
  [
    `${kind}-deep-copies`,
    'holds',
    `${kind}, two attempts, two requests that come twice, crashes, memory loss`,
    `${flag} -DN=2 -DCOPIES=2 -DCLAIM_COPIES -DCHECK=7`,
  ],
  [
    `${kind}-deep`,
    'holds',
    `${kind}, three attempts, one request that comes twice, crashes, memory loss`,
    `${flag} -DN=3 -DCHECK=7`,
  ],
  [
    `${kind}-deep-rest`,
    'holds',
    `${kind}, three attempts, nobody falls silent`,
    `${flag} -DN=3 -DSTEADY -DCHECK=15`,
  ],
])

/** The same for what is taken away, most of it with two attempts. */
const WEAKENED = [
  [
    'complete-any-owner',
    'two effects',
    'complete does not compare the owner',
    '-DTRANSACTIONAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DNO_OWNER_COMPLETE',
  ],
  [
    'release-any-owner',
    'two effects',
    'release does not compare the owner',
    '-DEXTERNAL -DN=3 -DCOPIES=0 -DSTEADY -DNO_OWNER_RELEASE',
  ],
  [
    'mark-any-owner',
    'two effects',
    'mark does not compare the owner',
    '-DMARKS -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DNO_OWNER_MARK',
  ],
  ['epoch-not-compared', 'two effects', 'a claim ignores the epoch', '-DEXTERNAL -DN=2 -DNO_EPOCH'],
  [
    'epoch-compared-early',
    'two effects',
    'the epoch is compared by the process, not inside the claim',
    '-DEXTERNAL -DN=2 -DEPOCH_CACHED',
  ],
  [
    'epoch-kept',
    'two effects',
    'the epoch survives the loss of the records',
    '-DEXTERNAL -DN=2 -DKEPT_EPOCH',
  ],
  [
    'claim-in-two-steps',
    'two effects',
    'a claim looks in one step and takes in another',
    '-DEXTERNAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DNON_ATOMIC',
  ],
  [
    'no-claim-by',
    'stuck',
    'a claim is taken however late it comes',
    '-DEXTERNAL -DN=2 -DSTEADY -DNO_CLAIM_BY',
  ],
  [
    'no-claim-by-safety',
    'holds',
    'the same: nothing worse than stuck comes of it',
    '-DEXTERNAL -DN=2 -DCOPIES=1 -DCLAIM_COPIES -DNO_CLAIM_BY -DCHECK=7',
  ],
  [
    'no-claim-by-transactional',
    'holds',
    'the same, transactional: not even stuck',
    '-DTRANSACTIONAL -DN=2 -DSTEADY -DNO_CLAIM_BY -DCHECK=15',
  ],
  [
    'release-once',
    'stuck',
    'whoever gave up on a claim stops at the first answer to its release',
    '-DEXTERNAL -DN=2 -DSTEADY -DRELEASE_ONCE',
  ],
  [
    'claim-comes-twice',
    'stuck',
    'known limit: a copy of a claim comes after the release and before claimByMs',
    '-DEXTERNAL -DN=2 -DSTEADY -DPROMPT -DCLAIM_COPIES',
  ],
  [
    'reclaim-unmarks',
    'two effects',
    'a claim that comes again takes the mark away',
    '-DMARKS -DN=2 -DCLAIM_COPIES -DMEMORY_HOLDS -DPROMPT -DRECLAIM_UNMARKS',
  ],
  [
    'silence-frees',
    'two effects',
    'silence on an external resource frees the key',
    '-DEXTERNAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DSILENCE_FREES',
  ],
  [
    'throw-frees',
    'false no',
    'an unexpected throw is taken for a reported failure',
    '-DEXTERNAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DTHROW_FREES',
  ],
  [
    'mark-not-awaited',
    'two effects',
    'the effect does not wait until the mark is durable',
    '-DMARKS -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DMARK_NOT_AWAITED',
  ],
  [
    'completion-outside',
    'two effects',
    'completion is not in the transaction, but a write after it',
    '-DTRANSACTIONAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DSPLIT',
  ],
  [
    'spent-first',
    'false yes',
    'completion is recorded before the effect',
    '-DEXTERNAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DSPENT_FIRST',
  ],
  [
    'settle-any-owner',
    'two effects',
    'settle does not compare the stale owner',
    '-DEXTERNAL -DN=3 -DCOPIES=0 -DMEMORY_HOLDS -DPROMPT -DNO_SETTLE_CHECK',
  ],
  [
    'reconcile-early',
    'two effects',
    '"did not happen" is said of a handler that still may do it',
    '-DEXTERNAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DRECONCILE_EARLY',
  ],
  [
    'stale-failure',
    'false no',
    'a stale owner answers what its handler reported, not what the record says',
    '-DTRANSACTIONAL -DN=2 -DCOPIES=0 -DMEMORY_HOLDS -DSTALE_FAILS',
  ],
]

const VARIANTS = [...SOUND, ...WEAKENED]
const ALL = [...VARIANTS, ...DEEP]
const children = new Set()
const { chosen, expected, keeps } = readArguments(process.argv.slice(2))
for (const program of ['spin', 'gcc']) demand(program)
const folder = mkdtempSync(join(tmpdir(), 'poe-model-'))
process.on('exit', tidyUp)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(2))
const rows = await runAll()
printTable(rows)
process.exitCode = rows.every(row => row.found === row.wanted) ? 0 : 1

function readArguments(args) {
  const names = ALL.map(([name]) => name)
  const usage =
    'usage: check-model [--list] [--deep] [--only <names>] [--keep] [--expect <name>=<result>]'
  const asked = { chosen: VARIANTS, expected: new Map(), keeps: false }
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === '--list') {
      console.log(VARIANTS.map(([name]) => name).join('\n'))
      process.exit(0)
    }
    if (args[at] === '--keep') asked.keeps = true
    else if (args[at] === '--deep') asked.chosen = ALL
    else if (args[at] === '--only') {
      const wanted = (args[++at] ?? '').split(',')
      const unknown = wanted.filter(name => !names.includes(name))
      if (unknown.length > 0) fail(`no such variant: ${unknown.join(', ')}; try --list`, 2)
      asked.chosen = ALL.filter(([name]) => wanted.includes(name))
    } else if (args[at] === '--expect') {
      const [name = '', result = ''] = (args[++at] ?? '').split('=')
      if (!names.includes(name) || result === '') fail(usage, 2)
      asked.expected.set(name, result)
    } else fail(usage, 2)
  }
  return asked
}

function demand(program) {
  try {
    execFileSync(program, [program === 'spin' ? '-V' : '--version'], { stdio: 'ignore' })
  } catch {
    fail(`${program} is needed to check the model (Debian: apt install ${program}); not found.`, 2)
  }
}

/** Runs what was chosen, at most two at a time: each may take its share of the memory. */
async function runAll() {
  const waiting = [...chosen]
  const found = new Map()
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const row = await runOne(next)
      found.set(row.name, row)
      tell(row, found.size)
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
  return chosen.map(([name]) => found.get(name))
}

async function runOne([name, expectation, what, flags]) {
  const wanted = expected.get(name) ?? expectation
  const bit = PROPERTY[expectation]
  const options = [...flags.split(' '), ...(bit === undefined ? [] : [`-DCHECK=${bit}`])]
  const cwd = join(folder, name)
  mkdirSync(cwd)
  copyFileSync(MODEL, join(cwd, 'claim.pml'))
  await made(name, 'spin', ['-a', ...options, 'claim.pml'], cwd)
  // Breadth first finds the shortest story; where there is none, depth first takes less memory.
  const search = expectation === 'holds' ? [] : ['-DBFS']
  // To optimise a small search takes longer than the search.
  const speed = name.includes('-deep') ? '-O1' : '-O0'
  const limits = ['-w', speed, '-DSAFETY', `-DMEMLIM=${MEMORY_MIB}`, ...search]
  await made(name, 'gcc', [...limits, '-o', 'pan', 'pan.c'], cwd)
  const startedMs = performance.now()
  const { text } = await capture(join(cwd, 'pan'), [`-m${DEPTH}`, '-w22'], cwd)
  const tookMs = performance.now() - startedMs
  const found = resultOf(text)
  const states = Number(/(\d+) states, stored/.exec(text)?.[1] ?? Number.NaN)
  const story = found === 'holds' ? [] : await storyOf(options, cwd)
  return { name, what, wanted, found, states, tookMs, story, text }
}

/** Runs spin or gcc; without what it makes there is nothing to check. */
async function made(name, program, args, cwd) {
  const { code, text } = await capture(program, args, cwd)
  if (code !== 0) fail(`${name}: ${program} failed: ${text.trim().split('\n').pop()}`, 2)
}

/** What a search says: `holds` only if it went everywhere. */
function resultOf(text) {
  const broken = /assertion violated (.*) \(at depth/.exec(text)?.[1]?.replaceAll(/[\s()]/g, '')
  if (broken === 'effects<=1') return 'two effects'
  if (broken === 'effects>=1') return 'false yes'
  if (broken === 'state!=3') return 'reached'
  if (broken?.startsWith('!') && broken.endsWith('lost')) return 'false no'
  if (broken?.startsWith('effects==1')) return 'stuck'
  if (broken !== undefined) return `broken: ${broken}`
  if (text.includes('invalid end state (at depth')) return 'deadlock'
  const isComplete = !/max search depth too small|MEMLIM bound|out of memory|not completed/i.test(
    text,
  )
  return /errors: 0$/m.test(text) && isComplete ? 'holds' : 'unfinished'
}

/** What happens on the way to the violation, as the model's own lines tell it. */
async function storyOf(options, cwd) {
  const { text } = await capture('spin', ['-t', '-T', '-B', ...options, 'claim.pml'], cwd)
  const lines = text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('spin:'))
  return lines.slice(0, STORY_LINES)
}

function tell(row, count) {
  const { name, what, wanted, found, story, text } = row
  console.log(`\n=== ${name} (${count} of ${chosen.length}): ${what}`)
  for (const line of story) console.log(`    ${line}`)
  console.log(`--> ${found}${found === wanted ? '' : `, but expected: ${wanted}`}`)
  if (found === 'unfinished' || found.startsWith('broken')) console.log(text.trim())
}

function printTable(rows) {
  const line = cells =>
    `${cells[0].padEnd(28)}${cells[1].padEnd(13)}${cells[2].padEnd(13)}` +
    `${cells[3].padStart(10)}${cells[4].padStart(9)}  ${cells[5]}`
  console.log('\n=== result')
  console.log(line(['variant', 'expected', 'found', 'states', 'time', '']))
  for (const { name, wanted, found, states, tookMs } of rows) {
    const seconds = `${(tookMs / 1000).toFixed(1)} s`
    console.log(
      line([name, wanted, found, String(states), seconds, found === wanted ? 'ok' : '!!!']),
    )
  }
  const surprises = rows.filter(row => row.found !== row.wanted).length
  console.log(`${rows.length} variants, ${surprises} not as expected`)
}

/** Runs a program to its end, within `TIME_MS`, and gives all that it printed. */
function capture(program, args, cwd) {
  return new Promise(resolve => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIME_MS })
    children.add(child)
    let text = ''
    const keep = chunk => {
      text += chunk
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', error => {
      children.delete(child)
      resolve({ code: 127, text: error.message })
    })
    child.on('close', code => {
      children.delete(child)
      resolve({ code: code ?? 1, text })
    })
  })
}

function tidyUp() {
  for (const child of children) child.kill('SIGKILL')
  if (keeps) console.log(`kept: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}
