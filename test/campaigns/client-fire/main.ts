/**
 * The client under fire: `npm run client-fire -- --operations 10000 --seed 7 [--mix cut]`. Exit
 * status 0 when nothing was found, 1 for a violation, 2 when it could not run.
 */
import { parseArgs } from 'node:util'
import { type Campaign, isViolated, runCampaign } from './campaign.js'
import { MIXES, type Mix } from './mixes.js'
import { PLANTS, type Plant } from './plants.js'

const HELP = `Usage: npm run client-fire -- [options]

Sends operations through each mix of faults to a shop that is a process of its own, resumes what
was left unknown, and compares what the client said with the orders in the database.

  --operations <n>   operations for each mix. Default: 10000
  --mix <name>       one mix: ${MIXES.map(({ name }) => name).join(', ')}
  --seed <n>         plays the same dice again
  --plant <name>     a client that is wrong on purpose: ${Object.keys(PLANTS).join(', ')}
  --json             one JSON object for each mix as well

Exit codes: 0 nothing found, 1 a violation, 2 it could not run.`

process.exitCode = await main()

async function main(): Promise<number> {
  const given = read()
  if (given === null) return 2
  if (given === 'help') {
    console.log(HELP)
    return 0
  }
  const { mixes, operations, seed, plant, isJson } = given
  console.error(`client-fire: ${operations} operations a mix, seed ${seed}`)
  let code = 0
  for (const mix of mixes) {
    try {
      const onProgress = progress(mix, operations)
      const found = await runCampaign({ mix, operations, seed, plant, onProgress })
      console.log(lineOf(found))
      if (isJson) console.log(JSON.stringify({ ...found, seed }))
      if (isViolated(found)) code = 1
    } catch (error) {
      console.error('The run broke off:', error)
      return 2
    }
  }
  console.log(code === 0 ? 'Nothing found.' : 'VIOLATIONS FOUND.')
  return code
}

interface Given {
  readonly mixes: readonly Mix[]
  readonly operations: number
  readonly seed: number
  readonly plant: Plant | null
  readonly isJson: boolean
}

function read(): Given | 'help' | null {
  try {
    const { values } = parseArgs({
      options: {
        operations: { type: 'string', default: '10000' },
        mix: { type: 'string' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        plant: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return 'help'
    const mixes = MIXES.filter(({ name }) => values.mix === undefined || name === values.mix)
    const [operations, seed] = [Number(values.operations), Number(values.seed)]
    if (mixes.length === 0) throw new Error(`There is no mix '${values.mix}'.`)
    if (!(operations >= 1) || !Number.isInteger(seed)) throw new Error('Numbers are whole numbers.')
    if (values.plant !== undefined && !(values.plant in PLANTS)) {
      throw new Error(`There is no plant '${values.plant}'.`)
    }
    return {
      mixes,
      operations,
      seed,
      plant: (values.plant ?? null) as Plant | null,
      isJson: values.json,
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`)
    return null
  }
}

function progress(mix: Mix, operations: number): (done: number) => void {
  if (!process.stderr.isTTY) return () => {}
  return done => {
    if (done % 100 === 0) process.stderr.write(`\r${mix.name}: ${done} of ${operations} `)
    if (done === operations) process.stderr.write('\r\u001b[K')
  }
}

function lineOf(found: Campaign): string {
  const { mix, operations, faults, kills, outcomes, resumed, done, ...rest } = found
  const told = Object.entries(outcomes).map(([name, count]) => `${count} ${name}`)
  const bad = Object.entries(rest).map(([name, count]) => `${name} ${count}`)
  return [
    `${mix}: ${operations} operations, ${faults} faults, ${kills} kills`,
    `  at first: ${told.join(', ')}; resumed: ${resumed}; done: ${done}`,
    `  ${bad.join(', ')}`,
  ].join('\n')
}
