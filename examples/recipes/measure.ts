/**
 * How often one order takes effect when its answers are lost: with each helper alone, and with its
 * recipe. `npm run recipes` prints the table, `-- --write` puts it into docs/recipes.md.
 */
import { linkServer, plainServer } from './dropping-server.js'
import type { Helper } from './helpers.js'

/** One row. */
export interface Measured {
  readonly name: string
  readonly alone: number
  /** `null` where POST is retried anyway. */
  readonly switchedOn: number | null
  readonly withRecipe: number
}

/** Runs one helper in all of its forms. */
export async function measure(helper: Helper): Promise<Measured> {
  const { name, alone, switchedOn, recipe } = helper
  return {
    name,
    alone: await effectsOf(alone),
    switchedOn: switchedOn === undefined ? null : await effectsOf(switchedOn),
    withRecipe: await effectsWithLink(recipe),
  }
}

/** The table as Markdown. */
export function tableOf(rows: readonly Measured[]): string {
  const lines = rows.map(({ name, alone, switchedOn, withRecipe }) => {
    return `| ${name} | ${alone} | ${switchedOn ?? ''} | ${withRecipe} |`
  })
  return [
    '| helper | effects, by default | with POST retries switched on | with its recipe and a link |',
    '|---|---|---|---|',
    ...lines,
  ].join('\n')
}

/** The link that a page announces. */
export async function linkOf(page: string): Promise<string> {
  const { link } = (await (await fetch(page)).json()) as { link: string }
  return new URL(link, page).href
}

async function effectsOf(send: (url: string) => Promise<unknown>): Promise<number> {
  const server = await plainServer()
  try {
    await send(server.origin).catch(() => {})
    return server.effects
  } finally {
    await server.close()
  }
}

async function effectsWithLink(recipe: Helper['recipe']): Promise<number> {
  const server = await linkServer(['drop', 'drop'])
  try {
    await recipe(await linkOf(`${server.origin}/`), `${server.origin}/`)
    return server.effects
  } finally {
    await server.close()
  }
}
