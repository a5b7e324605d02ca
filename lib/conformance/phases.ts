/**
 * In which order the checks of a run are asked: what others rest on, then what runs side by
 * side, then what counts effects for itself, then the links of the run once more, then restarts.
 */
import type { Check, Door, Requirement, Step } from './catalogue.js'
import { IN_THE_END } from './checks/poe/reuse.js'

/** A check and its requirement. */
export type Selected = readonly [Check, Requirement]

/** Checks that are asked together, or one after the other. */
export interface Phase {
  readonly together: boolean
  /** So many of them at once; default: as many as the run may have. */
  readonly jobs?: 1
  readonly checks: readonly Selected[]
  /** It looks back at the run, so that the run has to have lasted a while. */
  readonly isLast: boolean
}

/** The plain questions: whoever fails here is caught already, and nothing is told apart. */
export const PLAIN: readonly string[] = [
  'POE-2-2/first',
  'POE-A-2/apart',
  'POE-2-2/reuse',
  'POE-2-1/same',
]

/** The phases of a run. */
export function phasesOf(selected: readonly Selected[], door: Door): readonly Phase[] {
  const plain = { together: false, isLast: false }
  if (door !== 'poe') {
    const firstLate = selected.findIndex(([check]) => looksBack(check))
    const at = firstLate < 0 ? selected.length : firstLate
    const rest = { ...plain, isLast: firstLate >= 0, checks: selected.slice(at) }
    return [{ ...plain, checks: selected.slice(0, at) }, rest]
  }
  const of = (check: Check) => {
    if (PLAIN.includes(check.id)) return 'plain'
    if (IN_THE_END.includes(check)) return 'end'
    if (check.needs?.includes('restart') === true) return 'restarts'
    if (check.alone === true || check.steps.some(step => 'links' in step)) return 'alone'
    return check.steps.some(isByItself) ? 'exact' : 'together'
  }
  const checksOf = (phase: string) => selected.filter(([check]) => of(check) === phase)
  return [
    { ...plain, checks: PLAIN.flatMap(id => selected.filter(([check]) => check.id === id)) },
    { ...plain, together: true, checks: checksOf('together') },
    { ...plain, together: true, jobs: 1, checks: checksOf('alone') },
    { ...plain, checks: checksOf('exact') },
    { ...plain, isLast: true, checks: checksOf('end') },
    { ...plain, checks: checksOf('restarts') },
  ]
}

function looksBack({ steps }: Check): boolean {
  return steps.some(step => 'used' in step)
}

/** What counts for itself, and what leaves a doubt that would hide the faults of others. */
function isByItself(step: Step, index: number, steps: readonly Step[]): boolean {
  if ('effects' in step || 'race' in step) return true
  if ('mint' in step) return step.shortLived === true
  const isFailure = 'send' in step && ['failure', 'slowFailure'].includes(step.send.provoke ?? '')
  // Nothing is left open about a link that was used before.
  return isFailure && !steps.slice(0, index).some(one => 'send' in one && one.as === 'first')
}

/** Whether a check asks the page only, so that it needs no link that works. */
export function isOfPage({ steps }: Check): boolean {
  return steps.every(step => 'send' in step && 'page' in step.send.to)
}
