/**
 * I3: the puts, gets and deletes of every key are those of a linearizable register.
 *
 * Linearizability is local (Herlihy and Wing, TOPLAS 1990): a history is linearizable where that of every object is.
 * So each key of each partition is judged by itself (Horn and Kroening's P-compositionality, FORTE 2015).
 */
import type { History } from '../history/history.js';
import type { Operation } from '../history/history-line.js';
import { type CheckReport, describeOperation, ReportBuilder, type Violation } from './check-report.js';
import { explainDisorder } from './explain-disorder.js';
import { groupsOf, keyName } from './groups.js';
import { orderRegister } from './register-order.js';
import { intervalsOf } from './register-units.js';

export interface DisorderViolation extends Violation {
  /** A linearization of the longest prefix that has one. */
  readonly prefix: readonly Operation[];
}

/** At most one violation a key. Keys are absent at first. */
export function checkLinearizable(history: History): CheckReport<DisorderViolation> {
  const builder = new ReportBuilder<DisorderViolation>('I3', 'linearizable registers');
  const keyed = history.operations.filter(({ op }) => op !== 'append');
  const failedValues = new Set(keyed.filter(({ outcome }) => outcome === 'fail').map(({ value }) => value));
  for (const operations of groupsOf(keyed, keyName)) {
    builder.checked += operations.length;
    const intervals = intervalsOf(operations);
    const [first] = operations;
    if (first === undefined || orderRegister(intervals).linearizable) continue;
    builder.found(() => {
      const { broken, prefix, core } = explainDisorder(intervals);
      const { partition, key } = first;
      return {
        partition,
        key,
        message: messageOf({ broken, prefix, core, failedValues }),
        operations: core,
        prefix,
      };
    });
  }
  return builder.report();
}

interface Explained {
  readonly broken: Operation;
  readonly prefix: readonly Operation[];
  readonly core: readonly Operation[];
  readonly failedValues: ReadonlySet<string | null>;
}

function messageOf({ broken, prefix, core, failedValues }: Explained): string {
  const [only] = core;
  if (only !== undefined && core.length === 1) {
    const wrote = failedValues.has(only.value)
      ? 'only a write that failed was'
      : 'no write of the key had begun';
    return `a get returned a value that ${wrote} to write`;
  }
  const before = `the ${prefix.length} operations that had ended before this one can be ordered`;
  return `no order explains these ${core.length} operations; ${before}: ${describeOperation(broken)}`;
}
