/** All checks of a history, in the order of the invariants. */
import type { History } from '../history/history.js';
import { checkExactlyOnce, checkSessionOrder } from './appends.js';
import type { CheckReport } from './check-report.js';
import { checkLinearizable } from './linearizable.js';
import {
  checkMonotonicReads,
  checkReadsAfterWrites,
  checkUniqueVersions,
  checkWriteOrder,
} from './versions.js';

const CHECKS: readonly ((history: History) => CheckReport)[] = [
  checkLinearizable,
  checkReadsAfterWrites,
  checkWriteOrder,
  checkMonotonicReads,
  checkUniqueVersions,
  checkExactlyOnce,
  checkSessionOrder,
];

export function checkHistory(history: History): CheckReport[] {
  return CHECKS.map((check) => check(history));
}
