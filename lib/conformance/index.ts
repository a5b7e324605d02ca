/**
 * The conformance suite: judges any server from outside, requirement by requirement.
 *
 * @packageDocumentation
 */
export {
  type Adapter,
  AdapterError,
  type Content,
  checkAdapter,
  type LinkPlace,
  type PageRequest,
  type Provoked,
  readAdapter,
} from './adapter.js'
export type * from './catalogue.js'
export type { ConformanceOptions } from './options.js'
export type {
  CheckResult,
  ConformanceReport,
  Grade,
  ResultKind,
  ServerCheckResult,
  Verdict,
} from './report.js'
export {
  REPORT_FORMATS,
  type ReportFormat,
  writeReport,
} from './reporters/index.js'
export { type Printable, printableReport } from './reporters/printable.js'
export { REQUIREMENTS } from './requirements.js'
export { runConformance } from './run.js'
export { CHECKS } from './suites/index.js'
