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
