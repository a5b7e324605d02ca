/**
 * What a house rule is: a function over one file, so that it can be shown to catch a planted fault.
 */
import ts from 'typescript'

/** One file, or a fault found in one. Paths are relative to the root, with forward slashes. */
export interface File {
  readonly path: string
  readonly text: string
}

/** A rule of the house. */
export interface Rule {
  /** Says what is allowed, so that a failure reads as advice. */
  readonly title: string
  /** Tells which files the rule is about. */
  readonly appliesTo: (path: string) => boolean
  /** Gives one line for each fault, with its line number where it has one. */
  readonly faults: (file: File) => string[]
}

/** Folders of TypeScript that the rules about code cover. */
export const CODE = /^(?:lib|test|examples|bench|scripts)\/.*\.ts$/

/** The library itself. */
export const LIB = /^lib\/.*\.ts$/

/**
 * Applies a rule to files.
 *
 * @returns `path: fault` for each fault
 */
export function check(rule: Rule, files: readonly File[]): string[] {
  return files
    .filter(file => rule.appliesTo(file.path))
    .flatMap(file => rule.faults(file).map(fault => `${file.path}: ${fault}`))
}

/**
 * Makes the `faults` of a rule that looks at single lines.
 *
 * @param complaint - gives what is wrong with a line, or `null`
 */
export function eachLine(complaint: (line: string) => string | null): Rule['faults'] {
  return ({ text }) =>
    text.split('\n').flatMap((line, index) => {
      const fault = complaint(line)
      return fault === null ? [] : [`line ${index + 1}: ${fault}`]
    })
}

const trees = new WeakMap<File, ts.SourceFile>()

/**
 * Parses a file once for all rules.
 *
 * @returns its tree, with parents
 */
export function treeOf(file: File): ts.SourceFile {
  const known = trees.get(file)
  if (known) return known
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true)
  trees.set(file, tree)
  return tree
}

/** The line of a node, from 1. */
export function lineOf(node: ts.Node, tree: ts.SourceFile): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}
