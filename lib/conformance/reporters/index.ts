/**
 * Reports: for people, for build servers, for machines.
 */
import { badgeReport } from './badge.js'
import { htmlReport } from './html.js'
import { jsonText } from './json-text.js'
import { junitReport } from './junit.js'
import type { Printable } from './printable.js'
import { tapReport } from './tap.js'
import { textReport } from './text.js'

/** The forms that a report can have. */
export const REPORT_FORMATS = ['text', 'json', 'junit', 'tap', 'html', 'badge'] as const

/** One of {@link REPORT_FORMATS}. */
export type ReportFormat = (typeof REPORT_FORMATS)[number]

/**
 * Writes a report.
 *
 * @param format - its form
 * @param printable - what is in it
 * @param isColoured - for text on a terminal that shows colours. Default false
 */
export function writeReport(
  format: ReportFormat,
  printable: Printable,
  isColoured: boolean = false,
): string {
  switch (format) {
    case 'text':
      return textReport(printable, isColoured)
    case 'json':
      return `${jsonText(printable.data, 2)}\n`
    case 'junit':
      return junitReport(printable)
    case 'tap':
      return tapReport(printable)
    case 'html':
      return htmlReport(printable)
    case 'badge':
      return badgeReport(printable)
  }
}
