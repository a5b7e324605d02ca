/**
 * House rules about code, on the compiler's own tree.
 */
import ts from 'typescript'
import { CODE, type File, LIB, lineOf, type Rule, treeOf } from './rule.js'

/** The most lines that a function may have. */
export const FUNCTION_LINES = 70

const SUITES: readonly string[] = ['describe', 'describeWith', 'context', 'suite']
const TESTS: readonly string[] = [...SUITES, 'it', 'specify', 'test']
const TIMERS: readonly string[] = ['setTimeout', 'setInterval', 'setImmediate']
const CLOCKS: Readonly<Record<string, readonly string[]>> = {
  Date: ['now'],
  Math: ['random'],
  performance: ['now'],
  globalThis: TIMERS,
}

/** Makes the `faults` of a rule that looks at single nodes of the tree. */
function eachNode(complaint: (node: ts.Node, file: ts.SourceFile) => string | null) {
  return (source: File): string[] => {
    const file = treeOf(source)
    const found: string[] = []
    const visit = (node: ts.Node): void => {
      const fault = complaint(node, file)
      if (fault !== null) found.push(`line ${lineOf(node, file)}: ${fault}`)
      ts.forEachChild(node, visit)
    }
    visit(file)
    return found
  }
}

function longFunction(node: ts.Node, file: ts.SourceFile): string | null {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return null
  if (isSuiteBody(node)) return null
  const line = (position: number) => file.getLineAndCharacterOfPosition(position).line
  const lines = line(node.getEnd()) - line(node.getStart(file)) + 1
  return lines > FUNCTION_LINES ? `a function of ${lines} lines` : null
}

/** A `describe` is a chapter, not a function: its length is the file's concern. */
function isSuiteBody(node: ts.Node): boolean {
  const call = node.parent
  if (!ts.isCallExpression(call)) return false
  return ts.isIdentifier(call.expression) && SUITES.includes(call.expression.text)
}

/** Where a handler's own answer is carried, which is none of ours. */
const HANDLERS = /^lib\/koa\/run\//

function writesAnswer(node: ts.Node): string | null {
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.EqualsToken) {
    return null
  }
  const { left } = node
  if (!ts.isPropertyAccessExpression(left)) return null
  if (left.expression.kind === ts.SyntaxKind.ThisKeyword) return null
  const isAnswer = ['status', 'statusCode', 'body'].includes(left.name.text)
  return isAnswer ? `${left.getText()} is written here` : null
}

function readsTheWorld(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const banned = CLOCKS[node.expression.text] ?? []
    return banned.includes(node.name.text) ? `${node.getText()} is not injected` : null
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression)) {
    return node.expression.text === 'Date' ? 'new Date is not injected' : null
  }
  if (ts.isImportDeclaration(node) && /^(?:node:)?timers\b/.test(text(node.moduleSpecifier))) {
    return 'timers are not injected'
  }
  if (!ts.isIdentifier(node) || !TIMERS.includes(node.text)) return null
  return isName(node) ? null : `${node.text} is not injected`
}

/** The identifier names a member or a property, it does not reach for the global. */
function isName(node: ts.Identifier): boolean {
  const parent = node.parent
  return 'name' in parent && parent.name === node
}

function text(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : ''
}

function holdsBackTests(node: ts.Node): string | null {
  if (ts.isIdentifier(node) && /^x(?:it|describe|context|specify)$/.test(node.text)) {
    return `${node.text} skips`
  }
  if (!ts.isPropertyAccessExpression(node)) return null
  const name = node.name.text
  const isOnTest = ts.isIdentifier(node.expression) && TESTS.includes(node.expression.text)
  const isOnThis = node.expression.kind === ts.SyntaxKind.ThisKeyword
  if ((isOnTest && (name === 'only' || name === 'skip')) || (isOnThis && name === 'skip')) {
    return `${node.getText()} holds tests back`
  }
  return null
}

function undocumented(node: ts.Node): string | null {
  if (!ts.isSourceFile(node.parent ?? node) || !isExported(node)) return null
  if (ts.getJSDocCommentsAndTags(node).length > 0 || isLaterOverload(node)) return null
  const names = ts.isVariableStatement(node)
    ? node.declarationList.declarations.map(declaration => declaration.name.getText())
    : 'name' in node
      ? [(node.name as ts.Node | undefined)?.getText() ?? 'default']
      : ['default']
  return `${names.join(', ')} has no doc comment`
}

function isExported(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true
  if (!ts.canHaveModifiers(node)) return false
  return ts.getModifiers(node)?.some(one => one.kind === ts.SyntaxKind.ExportKeyword) ?? false
}

/** The first of several declarations of one function carries the comment. */
function isLaterOverload(node: ts.Node): boolean {
  if (!ts.isFunctionDeclaration(node) || !ts.isSourceFile(node.parent)) return false
  const before = node.parent.statements[node.parent.statements.indexOf(node) - 1]
  if (before === undefined || !ts.isFunctionDeclaration(before)) return false
  return before.body === undefined && before.name?.text === node.name?.text
}

/** Exports in a list (`export { a }`) carry their comment where they are declared. */
function undocumentedList(source: File): string[] {
  const file = treeOf(source)
  const lists = file.statements.filter(ts.isExportDeclaration)
  const names = lists
    .filter(list => list.moduleSpecifier === undefined && list.exportClause !== undefined)
    .flatMap(list =>
      list.exportClause && ts.isNamedExports(list.exportClause) ? list.exportClause.elements : [],
    )
    .map(element => (element.propertyName ?? element.name).text)
  const documented = file.statements
    .filter(statement => ts.getJSDocCommentsAndTags(statement).length > 0)
    .flatMap(statement =>
      ts.isVariableStatement(statement)
        ? statement.declarationList.declarations.map(declaration => declaration.name.getText())
        : 'name' in statement
          ? [(statement.name as ts.Node | undefined)?.getText() ?? '']
          : [],
    )
  return names.filter(name => !documented.includes(name)).map(name => `${name} has no doc comment`)
}

/**
 * Finds types of the library that are exported by the same name from several files.
 *
 * @returns one line for each name
 */
export function sharedNamesIn(files: readonly File[]): string[] {
  const homes = new Map<string, string[]>()
  for (const file of files.filter(({ path }) => LIB.test(path))) {
    for (const node of treeOf(file).statements) {
      if (!isExported(node) || !isTypeOf(node)) continue
      const name = node.name?.text ?? 'default'
      homes.set(name, [...(homes.get(name) ?? []), file.path])
    }
  }
  const shared = [...homes].filter(([, paths]) => new Set(paths).size > 1)
  return shared.map(([name, paths]) => `${name} is a type of ${paths.join(' and of ')}`)
}

function isTypeOf(
  node: ts.Node,
): node is ts.ClassDeclaration | ts.InterfaceDeclaration | ts.TypeAliasDeclaration {
  return (
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  )
}

/** All rules about code. */
export const CODE_RULES: readonly Rule[] = [
  {
    title: `a function has at most ${FUNCTION_LINES} lines`,
    appliesTo: path => CODE.test(path),
    faults: eachNode(longFunction),
  },
  {
    title: 'a status or a body of ours is written in lib/koa/send.ts only',
    appliesTo: path =>
      path.startsWith('lib/koa/') && path !== 'lib/koa/send.ts' && !HANDLERS.test(path),
    faults: eachNode(writesAnswer),
  },
  {
    title: 'the engine reads no clock, no randomness and no timer of its own',
    appliesTo: path => path.startsWith('lib/engine/') && LIB.test(path),
    faults: eachNode(readsTheWorld),
  },
  {
    title: 'there is no any',
    appliesTo: path => CODE.test(path),
    faults: eachNode(node => (node.kind === ts.SyntaxKind.AnyKeyword ? 'any' : null)),
  },
  {
    title: 'there is no non-null assertion',
    appliesTo: path => CODE.test(path),
    faults: eachNode(node => (ts.isNonNullExpression(node) ? node.getText() : null)),
  },
  {
    title: 'no test is singled out or skipped',
    appliesTo: path => CODE.test(path),
    faults: eachNode(holdsBackTests),
  },
  {
    title: 'every export of the library has a doc comment',
    appliesTo: path => LIB.test(path),
    faults: file => [...eachNode(undocumented)(file), ...undocumentedList(file)],
  },
]
