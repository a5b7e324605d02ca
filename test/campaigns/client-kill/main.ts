/**
 * Clients that are killed: `npm run client-kill -- --kills 500 --seed 7`. Exit status 0 when
 * nothing was found, 1 for a violation, 2 when it could not run.
 */

import { parseArgs } from 'node:util'
import { stopSignal } from '../../support/campaign.js'
import type { ShopStore } from '../one-shop.js'
import { showProgress } from '../torture/progress.js'
import { type Campaign, type CampaignOptions, runCampaign } from './campaign.js'
import type { ViolationKind } from './checker.js'
import type { Plant } from './client-program.js'

const HELP = `npm run client-kill -- [options]

Kills clients with a journal while they order through a network that loses and cuts, from a shop
whose event loop stands still at times and whose commits are slow at times, lets others
resume what they left, and compares what was said with the orders in the shop's database.

  --kills <n>    how many (default 100)
  --store sqlite|postgres
                 where the orders are (default sqlite)
  --seed <n>     plan to play; a run prints its own (default: by the clock)
  --plant late-journal|forgetful|afresh
                 a client that is wrong on purpose: the run must find it
  --json         close with one line of JSON
  --help         this text

Exit status: 0 nothing found, 1 a violation, 2 could not run.
Ctrl-C ends the run early and judges what there is; a second one leaves at once.`

const PLANTS: readonly Plant[] = ['late-journal', 'forgetful', 'afresh']
const STORES: readonly ShopStore[] = ['sqlite', 'postgres']
const STORIES = 10
const KINDS: readonly (readonly [ViolationKind, string])[] = [
  ['double', 'orders that exist twice'],
  ['lost', 'begun, and nobody was told how it ended'],
  ['falseAccepted', 'accepted, and there is no order'],
  ['falseRefused', 'refused, and there is an order'],
  ['unjournalled', 'orders that no journal knew'],
]

interface Given {
  readonly options: CampaignOptions
  readonly isJson: boolean
}

process.exitCode = await main()
// A connection that hangs on must not keep a run from ending that is over.
setTimeout(() => process.exit(), 1_000).unref()

async function main(): Promise<number> {
  const given = read()
  if (given === 'help') console.log(HELP)
  else if (typeof given === 'string') console.error(given)
  else return await run(given)
  return given === 'help' ? 0 : 2
}

async function run({ options, isJson }: Given): Promise<number> {
  const { kills, seed } = options
  console.error(`client-kill: ${kills} kills, seed ${seed} (--seed ${seed} plays it again)`)
  const beganMs = performance.now()
  let [killed, operations] = [0, 0]
  const progress = showProgress(process.stderr, () => {
    const time = `${Math.round((performance.now() - beganMs) / 1_000)} s`
    return `${time}: ${killed} of ${kills} kills, ${operations} operations`
  })
  try {
    const onKill = (sum: number, all: number) => {
      killed = sum
      operations = all
    }
    const found = await runCampaign({ ...options, onKill, stop: stopSignal() })
    progress.end()
    console.log(tableOf(found, performance.now() - beganMs))
    if (isJson) console.log(jsonOf(found))
    return found.violations.length === 0 ? 0 : 1
  } catch (error) {
    console.error('The run broke off:', error)
    return 2
  } finally {
    progress.end()
  }
}

function read(): Given | string {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: 'string', default: '100' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        plant: { type: 'string' },
        store: { type: 'string', default: 'sqlite' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return 'help'
    const plant = PLANTS.find(name => name === values.plant) ?? null
    if (values.plant !== undefined && plant === null) {
      return `--plant ${values.plant} is not known: give ${PLANTS.join(', ')}.`
    }
    const store = STORES.find(name => name === values.store)
    if (store === undefined) return `--store ${values.store}: give ${STORES.join(' or ')}.`
    if (!/^[1-9]\d{0,5}$/.test(values.kills)) {
      return `--kills ${values.kills} cannot be used: give a whole number, 1 to 999999.`
    }
    if (!/^\d{1,9}$/.test(values.seed)) {
      return `--seed ${values.seed} cannot be used: give a whole number, 0 to 999999999.`
    }
    const [kills, seed] = [Number(values.kills), Number(values.seed)]
    return { options: { kills, seed, plant, store }, isJson: values.json }
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return `${reason} Try --help.`
  }
}

function countOf({ violations }: Campaign, kind: ViolationKind): number {
  return violations.filter(violation => violation.kind === kind).length
}

function tableOf(found: Campaign, tookMs: number): string {
  const { kills, operations, orders, resumed, untold, unknown, violations, seed } = found
  const rows: (readonly [string, number, string])[] = [
    ['kills', kills, `${Math.round(kills / (tookMs / 60_000))} a minute`],
    ['faults', found.faults, 'set in the network'],
    ['stalls', found.stalls, 'of the shop'],
    ['operations', operations, 'begun'],
    ['orders', orders, 'in the database'],
    ['resumed', resumed, 'found in the journal, and told how they ended'],
    ['untold', untold, 'settled in the journal, and killed before they were told'],
    ['unknown', unknown, 'in doubt for good'],
    ...KINDS.map(([kind, text]) => [kind, countOf(found, kind), text] as const),
  ]
  const stories = violations.slice(0, STORIES).map(({ kind, sku, text }) => {
    return `${kind}: ${sku}: ${text}`
  })
  const lines = rows.map(([name, count, text]) => {
    return `  ${name.padEnd(14)}${String(count).padStart(8)}   ${text}`
  })
  const verdict = violations.length === 0 ? 'Nothing found.' : 'VIOLATIONS FOUND.'
  const head = `client-kill: seed ${seed}, ${(tookMs / 1_000).toFixed(0)} s`
  return [...stories, head, ...lines, verdict].join('\n')
}

function jsonOf(found: Campaign): string {
  const { violations, ...figures } = found
  const counts = KINDS.map(([kind]) => [kind, countOf({ ...figures, violations }, kind)] as const)
  return JSON.stringify({ ...figures, ...Object.fromEntries(counts) })
}
