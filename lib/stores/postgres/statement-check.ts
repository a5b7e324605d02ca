/**
 * Reads what SQL would do to a handler's transaction: begin or end one, or outlast it.
 *
 * `SAVEPOINT`, `RELEASE` and `ROLLBACK TO` stay inside it. What runs inside a function or a `DO`
 * block cannot end it; PostgreSQL refuses that. Strings are read with
 * `standard_conforming_strings` on, which a handler's transaction sets.
 *
 * @see PostgreSQL, Lexical Structure
 */

/** A statement as its words outside of strings, names in quotes and comments; in upper case. */
export type StatementWords = readonly string[]

const NAME = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy
const LINE_COMMENT = /--[^\n\r]*/y
const QUOTED_NAME = /"[^"]*(?:""[^"]*)*(?:"|$)/y
const STRING = /'[^']*(?:''[^']*)*(?:'|$)/y
const ESCAPE_STRING = /'[^'\\]*(?:(?:''|\\[\s\S])[^'\\]*)*(?:'|\\?$)/y
/** What may stand between two parts of one string. */
const CONTINUED = /[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\f\v\n\r]|--[^\n\r]*[\n\r])*(?=')/y
const DOLLAR_QUOTE = /\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/iy
const NUMBER = /\d+/y
const COMMENT_EDGE = /\/\*|\*\//g
/** Where none of these words stands, in a string or not, there is no such statement to look for. */
const MAY_CONTROL = /\b(?:BEGIN|COMMIT|END|ABORT|START|PREPARE|ROLLBACK)\b/i

/**
 * Splits SQL into its statements.
 *
 * @param sql - one or several statements
 * @returns their words; statements without any are left out
 */
export function statementsOf(sql: string): readonly StatementWords[] {
  const statements: string[][] = [[]]
  for (let at = 0; at < sql.length; ) {
    const name = matchAt(NAME, sql, at)
    if (name !== '') {
      at += name.length
      if (/^e$/i.test(name) && sql[at] === "'") at = endOfEscapeString(sql, at)
      else statements.at(-1)?.push(name.toUpperCase())
      continue
    }
    if (sql[at] === ';') statements.push([])
    at = endOfOther(sql, at)
  }
  return statements.filter(words => words.length > 0)
}

/**
 * Names the first statement that begins or ends a transaction.
 *
 * @param sql - one or several statements
 * @returns its first word in upper case, or `null` when there is none
 */
export function findTransactionControl(sql: string): string | null {
  if (!MAY_CONTROL.test(sql)) return null
  return statementsOf(sql).find(controlsTransaction)?.[0] ?? null
}

/** Whether a statement begins or ends a transaction. */
export function controlsTransaction([first, second, third]: StatementWords): boolean {
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

/** Where what begins here, and is neither a name nor a string with escapes, is over. */
function endOfOther(sql: string, at: number): number {
  const dollar = matchAt(DOLLAR_QUOTE, sql, at)
  if (dollar !== '') {
    const end = sql.indexOf(dollar, at + dollar.length)
    return end < 0 ? sql.length : end + dollar.length
  }
  if (sql.startsWith('/*', at)) return endOfComment(sql, at)
  for (const token of [LINE_COMMENT, QUOTED_NAME, STRING, NUMBER]) {
    const found = matchAt(token, sql, at)
    if (found !== '') return at + found.length
  }
  return at + 1
}

/** Comments nest. */
function endOfComment(sql: string, begin: number): number {
  COMMENT_EDGE.lastIndex = begin
  for (let depth = 0; ; ) {
    const edge = COMMENT_EDGE.exec(sql)
    if (edge === null) return sql.length
    depth += edge[0] === '/*' ? 1 : -1
    if (depth === 0) return COMMENT_EDGE.lastIndex
  }
}

/** A string that goes on in another line goes on with its escapes. */
function endOfEscapeString(sql: string, begin: number): number {
  for (let at = begin; ; ) {
    at += matchAt(ESCAPE_STRING, sql, at).length
    const gap = matchAt(CONTINUED, sql, at)
    if (gap === '') return at
    at += gap.length
  }
}

function matchAt(token: RegExp, sql: string, at: number): string {
  token.lastIndex = at
  return token.exec(sql)?.[0] ?? ''
}
