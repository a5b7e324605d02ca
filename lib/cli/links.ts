/**
 * `poe links`: the links that a page announces.
 *
 * @see POE draft 3
 */
import { createClient, type FoundLink } from '../client/index.js'
import { readArguments, readUrl } from './arguments.js'
import { type Command, Misuse, type Terminal } from './command.js'
import { findLinks, NoLink, PageWatch } from './find-link.js'
import { REQUEST_FLAGS, REQUEST_HELP, readRequestOptions } from './request-options.js'

const HELP = `Usage: poe links <url> [--mint] [--header 'K: V']... [--output json]

Prints the links that a page announces, one on a line. Each of them takes one POST, from whoever
has it: keep them out of logs.

  <url>                  the page
  --mint                 ask by an empty POST instead of GET, for endpoints that make links
${REQUEST_HELP}

--output json prints an array of {"link", "expires"}; \`expires\` is null where that is not said.

Exit codes: 0 there are links, 1 there is none or no answer, 2 misuse, 130 or 143 interrupted.`

/** The command. */
export const LINKS: Command = {
  name: 'links',
  summary: 'print the links that a page announces',
  help: HELP,
  run: linksCommand,
}

async function linksCommand(args: string[], terminal: Terminal): Promise<number> {
  const { values, url } = readArguments(args, { ...REQUEST_FLAGS, mint: { type: 'boolean' } })
  const { headers, limits, isJson } = readRequestOptions(values)
  if (url === undefined) throw new Misuse('Give the URL of a page.')
  const page = readUrl(url, 'The page')
  const watch = new PageWatch(terminal, limits)
  const client = createClient({ ...limits, fetch: watch.fetch })
  const way = values.mint === true ? 'endpoint' : 'page'
  const signal = terminal.interruption()
  try {
    const found = await findLinks(client, watch, { page, headers, signal, way }, terminal)
    print(found, isJson, terminal)
    return 0
  } catch (error) {
    if (!(error instanceof NoLink)) throw error
    terminal.err(error.message)
    if (isJson) print([], isJson, terminal)
    return 1
  }
}

function print(found: readonly FoundLink[], isJson: boolean, terminal: Terminal): void {
  if (!isJson) {
    for (const { link } of found) terminal.out(link)
    return
  }
  const links = found.map(({ link, expiresAtMs }) => ({
    link,
    expires: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
  }))
  terminal.out(JSON.stringify(links))
}
