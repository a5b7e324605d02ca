/**
 * A soak of the client: `npm run client-soak -- --sends 100000`. Exit status 0 when nothing is left
 * of the sends, 1 when something is, 2 when it could not run.
 */
import { parseArgs } from 'node:util'
import { runSoak, type Soak } from './soak-run.js'

const HELP = `npm run client-soak -- [options]

Sends many POSTs with one signal and looks what is left of them: listeners, timers, sockets, heap;
then a tenth of them with a journal, and looks how large that gets.

  --sends <n>   how many (default 100000)
  --json        close with one line of JSON for each of the two
  --help        this text

Exit status: 0 nothing is left, 1 something is, 2 could not run.`

process.exitCode = await main()

async function main(): Promise<number> {
  const given = read()
  if (typeof given === 'string') {
    if (given === HELP) console.log(HELP)
    else console.error(given)
    return given === HELP ? 0 : 2
  }
  const { sends, isJson } = given
  try {
    const soaks = [await told(sends, false), await told(Math.ceil(sends / 10), true)]
    if (isJson) for (const soak of soaks) console.log(JSON.stringify(soak))
    const isFine = soaks.every(({ faults }) => faults.length === 0)
    console.log(isFine ? 'Nothing is left.' : 'SOMETHING IS LEFT.')
    return isFine ? 0 : 1
  } catch (error) {
    console.error('The run broke off:', error)
    return 2
  }
}

async function told(sends: number, hasJournal: boolean): Promise<Soak> {
  const name = `client-soak: ${sends} sends ${hasJournal ? 'with a journal' : 'without a journal'}`
  console.error(name)
  const soak = await runSoak(sends, hasJournal)
  const { attempts, listeners, timers, tookMs, heapBefore, heapAfter, endedMs } = soak
  const rows: readonly (readonly [string, string | number])[] = [
    ['seconds', (tookMs / 1_000).toFixed(1)],
    ['tries', attempts],
    ['outcomes', JSON.stringify(soak.outcomes)],
    ['listeners', listeners],
    ['timers', timers],
    ['heap, KiB', `${kib(heapBefore)} after a fifth, ${kib(heapAfter)} in the end`],
    ['ended after, ms', Math.round(endedMs)],
    ...(hasJournal ? [['journal, KiB', `${kib(soak.journalMost)} at most`] as const] : []),
    ...soak.faults.map(fault => ['WRONG', fault] as const),
  ]
  const lines = rows.map(([label, text]) => `  ${label.padEnd(16)}${text}`)
  console.log([name, ...lines].join('\n'))
  return soak
}

function kib(bytes: number): number {
  return Math.round(bytes / 1024)
}

function read(): { readonly sends: number; readonly isJson: boolean } | string {
  try {
    const { values } = parseArgs({
      options: {
        sends: { type: 'string', default: '100000' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return HELP
    if (/^[1-9]\d{0,7}$/.test(values.sends)) {
      return { sends: Number(values.sends), isJson: values.json }
    }
    return `--sends ${values.sends} cannot be used: give a whole number, 1 to 99999999.`
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return `${reason} Try --help.`
  }
}
