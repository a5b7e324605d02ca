/**
 * Finds the statements that would end a handler's transaction behind our back.
 *
 * The driver does not tell the kind of a statement, so its first word is read. `SAVEPOINT`,
 * `RELEASE` and `ROLLBACK TO` are fine: they stay inside the transaction.
 */

/** A comment, a quoted text or name, a word, a semicolon; anything else is passed over. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|;|\w+/g

/**
 * Names the first statement that begins or ends a transaction.
 *
 * @param sql - one or several statements
 * @returns its first word in upper case, or `null` when there is none
 */
export function findTransactionControl(sql: string): string | null {
  let isInTrigger = false
  for (const words of splitStatements(sql)) {
    if (isInTrigger) {
      // A trigger's body has semicolons of its own; it is over with an END that stands alone.
      isInTrigger = !(words.length === 1 && words[0] === 'END')
    } else if (isTrigger(words)) {
      isInTrigger = true
    } else if (controlsTransaction(words)) {
      return words[0] ?? null
    }
  }
  return null
}

/**
 * Whether SQL may change the connection itself, beyond the transaction: settings, attached files,
 * temporary tables that hide the app's own.
 *
 * @param sql - one or several statements
 */
export function leavesTraces(sql: string): boolean {
  return splitStatements(sql).some(([first, second]) => {
    if (first === 'CREATE') return /^TEMP(?:ORARY)?$/.test(second ?? '')
    return first === 'PRAGMA' || first === 'ATTACH' || first === 'DETACH'
  })
}

function splitStatements(sql: string): string[][] {
  const statements: string[][] = [[]]
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';') statements.push([])
    else if (/^\w/.test(token)) statements.at(-1)?.push(token.toUpperCase())
  }
  return statements
}

function isTrigger([first, second, third]: readonly string[]): boolean {
  if (first !== 'CREATE') return false
  return second === 'TRIGGER' || (/^TEMP(?:ORARY)?$/.test(second ?? '') && third === 'TRIGGER')
}

function controlsTransaction([first, second, third]: readonly string[]): boolean {
  if (first === 'ROLLBACK') return second !== 'TO' && third !== 'TO'
  return first === 'BEGIN' || first === 'COMMIT' || first === 'END'
}
