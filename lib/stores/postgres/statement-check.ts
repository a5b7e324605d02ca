/**
 * Finds the statements that would end a handler's transaction behind our back.
 *
 * `SAVEPOINT`, `RELEASE` and `ROLLBACK TO` are fine: they stay inside the transaction. What runs
 * inside a function or a `DO` block cannot end it; PostgreSQL refuses that.
 */

const COMMENT = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/
const QUOTED = /\$([a-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|\be'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'/
const NAME = /"(?:[^"]|"")*"/

/** A comment, a quoted text or name, a semicolon, a word; anything else is passed over. */
const TOKEN = new RegExp(`${COMMENT.source}|${QUOTED.source}|${NAME.source}|;|\\w+`, 'gi')

/**
 * Names the first statement that begins or ends a transaction.
 *
 * @param sql - one or several statements
 * @returns its first word in upper case, or `null` when there is none
 */
export function findTransactionControl(sql: string): string | null {
  const statements: string[][] = [[]]
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';') statements.push([])
    else if (/^\w+$/.test(token)) statements.at(-1)?.push(token.toUpperCase())
  }
  return statements.find(controlsTransaction)?.[0] ?? null
}

function controlsTransaction([first, second, third]: readonly string[]): boolean {
  switch (first) {
    case 'BEGIN':
    case 'COMMIT':
    case 'END':
    case 'ABORT':
      return true
    case 'START':
    case 'PREPARE':
      return second === 'TRANSACTION'
    case 'ROLLBACK':
      return second !== 'TO' && third !== 'TO'
    default:
      return false
  }
}
