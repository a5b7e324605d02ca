/**
 * The conformance suite: judges any server from outside, requirement by requirement.
 *
 * @packageDocumentation
 */
export {
  type AdapterContent,
  AdapterError,
  checkAdapter,
  type DoorSettings,
  type LinkPlace,
  type PageRequest,
  type Provoked,
  readAdapter,
  type ServerAdapter,
} from './adapter.js'
export type * from './catalogue.js'
export { DOOR_CHECKS, DOOR_REQUIREMENTS } from './checks/index.js'
export { CHECKS } from './checks/poe/index.js'
export { REQUIREMENTS } from './checks/poe/requirements.js'
export {
  type ClientCheckOptions,
  type ClientReport,
  checkClient,
} from './clients/check-client.js'
export type { ClientCommand, ClientFunction, ClientTask } from './clients/client.js'
export { CLIENT_REQUIREMENTS } from './clients/requirements.js'
export type * from './clients/scenario.js'
export { SCENARIOS } from './clients/scenarios.js'
export { EXPLANATIONS, type Explanation, pageOf } from './explanations/index.js'
export type { Why } from './explanations/why.js'
export type { ConformanceOptions } from './options.js'
export type {
  CheckResult,
  ConformanceReport,
  Grade,
  ResultKind,
  ServerCheckResult,
  ToldExchange,
  Verdict,
} from './report.js'
export {
  COMPARISON_FORMATS,
  type Compared,
  type ComparedResult,
  type ComparisonFormat,
  writeComparison,
} from './reporters/compare.js'
export {
  REPORT_FORMATS,
  type ReportFormat,
  writeReport,
} from './reporters/index.js'
export { type Printable, printableClientReport, printableReport } from './reporters/printable.js'
export { runConformance } from './run.js'
export { DOORS } from './ways.js'
