/**
 * House rules about imports: which room may use which, and where Koa, drivers and Node belong.
 */
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import ts from 'typescript'
import { CODE, type File, LIB, lineOf, type Rule, treeOf } from './rule.js'

const BELOW_ANSWERS = ['protocols', 'engine']
const BELOW_KOA = [...BELOW_ANSWERS, 'answers']
const BELOW_FRAMEWORKS = [...BELOW_KOA, 'koa']
const BELOW_TOOLS = [...BELOW_FRAMEWORKS, 'frameworks', 'stores', 'client']

/** Which rooms of lib a room may import from, besides itself and `errors.ts`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocols: [],
  engine: ['protocols'],
  stores: BELOW_ANSWERS,
  answers: BELOW_ANSWERS,
  koa: BELOW_KOA,
  frameworks: BELOW_FRAMEWORKS,
  client: ['protocols'],
  otel: ['engine'],
  testing: BELOW_TOOLS,
  conformance: [...BELOW_TOOLS, 'testing'],
  cli: [...BELOW_TOOLS, 'testing', 'conformance'],
  'errors.ts': [],
  'index.ts': [...BELOW_TOOLS, 'testing', 'conformance', 'cli'],
}

/** Packages that belong to one place. */
const PACKAGE_HOMES: readonly (readonly [RegExp, RegExp])[] = [
  [/^(?:koa$|koa\/|koa-|@koa\/)/, /^lib\/(?:koa|frameworks)\//],
  [/^better-sqlite3/, /^lib\/stores\/sqlite/],
  [/^(?:redis|ioredis|@redis)(?:$|\/)/, /^lib\/stores\/redis/],
  [/^pg(?:$|\/|-)/, /^lib\/stores\/postgres/],
  [/^@opentelemetry\//, /^lib\/otel\//],
]

/** What sends and receives. */
const SERVERS = /^(?:node:)?(?:http|http2|https|net|stream)(?:$|\/)/

/** What runs in a browser too. */
const BROWSER = /^lib\/(?:protocols\/poe\/(?:field|links|uri)\.ts$|client\/(?!index\.ts$|node\/))/

/** A module that a file imports, re-exports from, or names in `import()`. */
interface Import {
  readonly specifier: string
  readonly line: number
}

function importsOf(source: File): Import[] {
  const file = treeOf(source)
  const found: Import[] = []
  const add = (node: ts.Node): void => {
    if (!ts.isStringLiteralLike(node)) return
    found.push({ specifier: node.text, line: lineOf(node, file) })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier) add(node.moduleSpecifier)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      for (const argument of node.arguments) add(argument)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function eachImport(complaint: (path: string, specifier: string) => string | null) {
  return (file: File): string[] =>
    importsOf(file).flatMap(({ specifier, line }) => {
      const fault = complaint(file.path, specifier)
      return fault === null ? [] : [`line ${line}: ${fault}`]
    })
}

function roomOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function wrongRoom(path: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) {
    return specifier.startsWith('post-once-exactly') ? `${specifier}: use a relative path` : null
  }
  const target = posix.join(posix.dirname(path), specifier)
  if (!target.startsWith('lib/')) return `${specifier} leads out of lib`
  const from = roomOf(path)
  const to = roomOf(target.replace(/\.js$/, '.ts'))
  if (to === from || to === 'errors.ts') return null
  const allowed = MAY_IMPORT[from]
  if (allowed === undefined) return `the room '${from}' is new: say here what it may import`
  return allowed.includes(to) ? null : `${from} may not import ${to} (${specifier})`
}

function strayPackage(path: string, specifier: string): string | null {
  for (const [name, home] of PACKAGE_HOMES) {
    if (name.test(specifier) && !home.test(path)) return `${specifier} does not belong here`
  }
  return null
}

/**
 * Finds files of the library that import each other, types included.
 *
 * @returns one line for each circle
 */
export function circlesIn(files: readonly File[]): string[] {
  const open = new Map<string, readonly string[]>()
  for (const file of files) {
    if (!LIB.test(file.path)) continue
    const targets = importsOf(file).map(({ specifier }) => specifier)
    const own = targets.filter(specifier => specifier.startsWith('.'))
    const folder = posix.dirname(file.path)
    open.set(
      file.path,
      own.map(specifier => posix.join(folder, specifier.replace(/\.js$/, '.ts'))),
    )
  }
  // What imports nothing that is left is in no circle, and neither is what nothing left imports.
  for (let before = Infinity; before > open.size; ) {
    before = open.size
    const imported = new Set([...open.values()].flat())
    for (const [path, targets] of open) {
      const leadsOn = targets.some(target => open.has(target))
      if (!leadsOn || !imported.has(path)) open.delete(path)
    }
  }
  return [...open.keys()].map(path => `${path} is in a circle of imports`)
}

/** All rules about imports. */
export const IMPORT_RULES: readonly Rule[] = [
  {
    title: 'imports point one way: protocols <- engine <- answers <- koa <- frameworks <- tools',
    appliesTo: path => LIB.test(path),
    faults: eachImport(wrongRoom),
  },
  {
    title: 'Koa stays in lib/koa and lib/frameworks, and each driver in its own store',
    appliesTo: path => LIB.test(path),
    faults: eachImport(strayPackage),
  },
  {
    title: 'an answer is a value: lib/answers knows no server',
    appliesTo: path => path.startsWith('lib/answers/'),
    faults: eachImport((_path, specifier) =>
      SERVERS.test(specifier) ? `${specifier} is a server's` : null,
    ),
  },
  {
    title: 'what runs in a browser imports nothing of Node',
    appliesTo: path => BROWSER.test(path),
    faults: eachImport((_path, specifier) =>
      isBuiltin(specifier) ? `${specifier} is not in a browser` : null,
    ),
  },
  {
    title: 'relative imports end in .js',
    appliesTo: path => CODE.test(path),
    faults: eachImport((_path, specifier) =>
      /^\.{1,2}(?:\/|$)/.test(specifier) && !/\.(?:js|mjs|json)$/.test(specifier)
        ? `${specifier} does not end in .js`
        : null,
    ),
  },
]
