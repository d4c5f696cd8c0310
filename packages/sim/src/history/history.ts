/**
 * A whole history, and the rules that hold between its lines: the checkers tell from a value which write it is of,
 * so values are unique, and a final read comes after everything else, so nothing follows it.
 */
import { MendlogError } from '@mendlog/core';
import { type FinalRead, HISTORY_LIMITS, type HistoryLine, type Operation } from './history-line.js';

export interface History {
  readonly operations: readonly Operation[];
  /** By partition. */
  readonly finals: ReadonlyMap<string, FinalRead>;
}

/** Takes the lines of a history one by one, from a file or from the clients themselves. */
export class HistoryCollector {
  readonly #linesMax: number;
  readonly #operations: Operation[] = [];
  readonly #finals = new Map<string, FinalRead>();
  readonly #written = new Set<string>();

  constructor(options: { linesMax?: number } = {}) {
    this.#linesMax = options.linesMax ?? HISTORY_LIMITS.linesMax;
  }

  /** Throws MALFORMED for a line that cannot come here, TOO_LARGE for one too many. */
  add(line: HistoryLine): void {
    if (this.#operations.length + this.#finals.size >= this.#linesMax) {
      throw new MendlogError('TOO_LARGE', `a history has at most ${this.#linesMax} lines`);
    }
    if (line.op === 'final') this.#addFinal(line);
    else this.#addOperation(line);
  }

  history(): History {
    return { operations: [...this.#operations], finals: new Map(this.#finals) };
  }

  #addFinal(line: FinalRead): void {
    if (this.#finals.has(line.partition)) {
      throw new MendlogError('MALFORMED', `there is a final line of partition ${line.partition} already`);
    }
    this.#finals.set(line.partition, line);
  }

  #addOperation(line: Operation): void {
    if (this.#finals.size > 0)
      throw new MendlogError('MALFORMED', 'an operation comes before all final lines');
    if (line.op !== 'get' && line.value !== null) {
      if (this.#written.has(line.value)) {
        throw new MendlogError('MALFORMED', 'its "value" was written before: values of writes are unique');
      }
      this.#written.add(line.value);
    }
    this.#operations.push(line);
  }
}

/** The history of these lines. Throws as HistoryCollector.add() does. */
export function historyOf(lines: Iterable<HistoryLine>): History {
  const collector = new HistoryCollector();
  for (const line of lines) collector.add(line);
  return collector.history();
}
