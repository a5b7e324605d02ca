/**
 * A shop that writes by a tool, as a process that a test kills: it dies by its own hand where its
 * first argument says, in the handler or when the link is spent and nothing is answered yet.
 */
import { openJoinedShop } from './joined-shop.js'
import { driverOf, loadTool } from './tool-examples.js'

/** What the process is started with, as JSON in its first argument. */
export interface ToolShopSettings {
  readonly url: string
  readonly folder: string
  readonly tool: string
  readonly dies: 'before the commit' | 'after the commit'
}

const settings = JSON.parse(process.argv[2] ?? '') as ToolShopSettings
const { url, folder, tool: name, dies } = settings
const shop = await openJoinedShop(url, { driver: driverOf(folder) })
const tool = await (await loadTool(folder, name))(shop.joined)
const die = () => process.kill(process.pid, 'SIGKILL')
shop.handler = async ctx => {
  const { sku } = ctx.request.body as { readonly sku: string }
  await tool.insert(sku)
  await tool.transaction([`${sku} 2`], () => {})
  if (dies === 'before the commit') die()
}
if (dies === 'after the commit') {
  shop.events.push = (...events) => {
    if (events.some(({ type }) => type === 'spent')) die()
    return 0
  }
}
process.stdout.write(`${shop.base}\n`)
// It ends with whoever started it.
process.stdin.once('end', () => process.exit())
process.stdin.resume()
