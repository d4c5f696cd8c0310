export { checkExactlyOnce, checkSessionOrder } from './checkers/appends.js';
export { checkHistory } from './checkers/check-history.js';
export {
  type CheckReport,
  describeOperation,
  type Invariant,
  VIOLATIONS_KEPT_MAX,
  type Violation,
} from './checkers/check-report.js';
export { describeReport } from './checkers/describe-report.js';
export { checkLinearizable, type DisorderViolation } from './checkers/linearizable.js';
export { type Acknowledged, ScanJudge, type ScannedRecord, type ScanStart } from './checkers/scan-judge.js';
export {
  checkMonotonicReads,
  checkReadsAfterWrites,
  checkUniqueVersions,
  checkWriteOrder,
} from './checkers/versions.js';
export { encodeLine } from './history/encode-line.js';
export { type History, HistoryCollector, historyOf } from './history/history.js';
export {
  type FinalRead,
  type FinalRecord,
  HISTORY_LIMITS,
  type HistoryLine,
  type Operation,
  type OperationKind,
  type Outcome,
} from './history/history-line.js';
export { parseLine } from './history/parse-line.js';
export { type ReadOptions, readHistory } from './history/read-history.js';
