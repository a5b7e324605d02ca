/** The live page's style sheet and its modules, which are TypeScript without its types. */
import { existsSync, readFileSync } from 'node:fs'
import type Router from '@koa/router'

/** What the page is made of. */
export const MODULES = ['main', 'draw', 'experiments', 'words'] as const

/** Adds the routes. */
export function addStatic(router: Router): void {
  const style = readFileSync(new URL('live.css', import.meta.url), 'utf8')
  router.get('/live/live.css', ctx => {
    ctx.set('Cache-Control', 'no-cache')
    ctx.body = style
    ctx.type = 'css'
  })
  const texts = new Map<string, string>()
  router.get('/live/page/:name.js', async (ctx, next) => {
    const name = MODULES.find(known => known === ctx.params.name)
    if (name === undefined) return await next()
    const text = texts.get(name) ?? (await textOf(name))
    texts.set(name, text)
    ctx.set('Cache-Control', 'no-cache')
    ctx.body = text
    ctx.type = 'js'
  })
}

/** A module as it is, or without its types. */
async function textOf(name: string): Promise<string> {
  const built = new URL(`page/${name}.js`, import.meta.url)
  if (existsSync(built)) return readFileSync(built, 'utf8')
  const { default: withoutTypes } = await import('ts-blank-space')
  return withoutTypes(readFileSync(new URL(`page/${name}.ts`, import.meta.url), 'utf8'))
}
