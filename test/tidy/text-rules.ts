/**
 * House rules about text: size, names and words that must not be there.
 */
import { CODE, eachLine, LIB, type Rule } from './rule.js'

/** Files that are named in capitals everywhere. */
const CAPITALS = /^(?:README|CHANGELOG|CONTRIBUTING|SECURITY|LICENSE)(?:\.md)?$/
const KEBAB = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/

/** Lines at which to think about splitting a file, and at which it has to be split. */
export const LINES = { think: 300, most: 500 } as const

/** The number of lines of a text. */
export function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

// The words are put together here so that this file does not contain them.
const UNFINISHED = new RegExp(
  [
    `\\b${'TO'}${'DO'}\\b`,
    `\\b${'FIX'}${'ME'}\\b`,
    `\\b${'X'}${'XX'}\\b`,
    `@ts-${'ignore'}`,
    `@ts-${'nocheck'}`,
  ].join('|'),
)
const MACHINE_PATHS = new RegExp(
  [
    `(?<![\\w.~-])/${'work'}/`,
    `/${'tmp'}/${'bash_jobs'}`,
    `/${'tmp'}/${'guide'}`,
    `\\.\\./${'shared'}(?![\\w.-])`,
    `(?<![\\w.~-])/${'root'}/`,
  ].join('|'),
)

/** All rules about text. */
export const TEXT_RULES: readonly Rule[] = [
  {
    title: `a file has at most ${LINES.most} lines`,
    appliesTo: path => CODE.test(path),
    faults: ({ text }) =>
      lineCount(text) > LINES.most ? [`has ${lineCount(text)} lines: split it`] : [],
  },
  {
    title: 'a line of code has at most 100 columns',
    appliesTo: path => CODE.test(path),
    faults: eachLine(line => ([...line].length > 100 ? `${[...line].length} columns` : null)),
  },
  {
    title: 'files and folders have kebab-case names',
    appliesTo: () => true,
    faults: ({ path }) =>
      path
        .split('/')
        .filter(name => !KEBAB.test(name) && !CAPITALS.test(name))
        .map(name => `'${name}' is not kebab-case`),
  },
  {
    title: 'a file of the root has a kind: what a program of the hour has left there has none',
    appliesTo: path => !path.includes('/') && path !== 'LICENSE',
    faults: ({ path }) =>
      /(?:^\.[a-z]+|\.(?:json|md))$/.test(path) ? [] : ['is none of the files of this root'],
  },
  {
    title: 'a file of the library begins with a comment on what it owns',
    appliesTo: path => LIB.test(path),
    faults: ({ text }) =>
      /^(?:#!.*\n)?\/\*\*\s[\s\S]{20,}?\*\//.test(text) ? [] : ['has no comment at its head'],
  },
  {
    title: 'nothing is left unfinished or hidden from the compiler',
    appliesTo: path => CODE.test(path) || /\.(?:mjs|md)$/.test(path),
    faults: eachLine(line => UNFINISHED.exec(line)?.[0] ?? null),
  },
  {
    title: "no path of somebody's machine is in the tree",
    appliesTo: () => true,
    faults: eachLine(line => MACHINE_PATHS.exec(line)?.[0] ?? null),
  },
  {
    title: 'the lockfile names no host',
    appliesTo: path => path === 'package-lock.json',
    faults: eachLine(line =>
      /"resolved": *"[^"]*:\/\//.test(line) ? `resolved from a host: ${line.trim()}` : null,
    ),
  },
]

/**
 * Holds the decisions to 0001, 0002, ... without gaps or repeats.
 *
 * @param names - the file names in `spec-notes/decisions`
 * @returns one line for each fault
 */
export function decisionFaults(names: readonly string[]): string[] {
  const notes = names.filter(name => name !== 'README.md').sort()
  const odd = notes.filter(name => !/^\d{4}-[a-z0-9]+(?:-[a-z0-9]+)*\.md$/.test(name))
  const numbers = notes.filter(name => !odd.includes(name)).map(name => Number(name.slice(0, 4)))
  const highest = Math.max(0, ...numbers)
  const faults = odd.map(name => `${name} is not named NNNN-title.md`)
  for (let number = 1; number <= highest; number += 1) {
    const count = numbers.filter(other => other === number).length
    const name = String(number).padStart(4, '0')
    if (count === 0) faults.push(`decision ${name} is missing`)
    if (count > 1) faults.push(`decision ${name} is there ${count} times`)
  }
  return faults
}
