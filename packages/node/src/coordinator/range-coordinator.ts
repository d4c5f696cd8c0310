/** Coordinates reads of ranges for this node: core decides, this measures and waits. */
import {
  type Level,
  levelText,
  MendlogError,
  type RangeReadResult,
  RangeReads,
  type ReadRepairMode,
  type VersionRange,
} from '@mendlog/core';
import { LOCAL_CALLER, type RequestCaller } from '../api/request-caller.js';
import type { AskedLevel, ReadOutcome } from '../api/service.js';
import type { Metrics } from '../metrics/metrics.js';
import { type RangeReadShellOptions, rangeReadPorts } from './range-read-shell.js';

export interface RangeCoordinatorOptions extends RangeReadShellOptions {
  /** Who looks keys up. */
  readonly keys: ConstructorParameters<typeof RangeReads>[1];
  readonly metrics: Pick<Metrics, 'read' | 'readRepair'>;
  readonly levelOf: (partition: string, level: AskedLevel) => Level;
  readonly readRepair: ReadRepairMode;
}

export class RangeCoordinator {
  readonly #options: RangeCoordinatorOptions;
  readonly #core: RangeReads;

  constructor(options: RangeCoordinatorOptions) {
    this.#options = options;
    this.#core = new RangeReads(
      rangeReadPorts(options, () => this.#core),
      options.keys,
    );
  }

  /** A peer has another store than before: what the one before has told counts no more. */
  storeReplaced(nodeId: string): void {
    this.#core.storeReplaced(nodeId);
  }

  /**
   * One outcome for each range, in order. All ranges are of one partition. Rejects with UNAVAILABLE, READ_TIMEOUT,
   * OVERLOADED or TOO_LARGE, and with REQUEST_TIMEOUT where the caller has gone.
   */
  async read(
    partition: string,
    ranges: readonly VersionRange[],
    level: AskedLevel,
    caller: RequestCaller = LOCAL_CALLER,
  ): Promise<ReadOutcome[]> {
    const { metrics, levelOf, readRepair: repair } = this.#options;
    const consistency = levelOf(partition, level);
    const startedMs = performance.now();
    const counted = { level: levelText(consistency), reads: ranges.length };
    const result = await this.#result({ partition, ranges, level: consistency, repair }, caller);
    if (!result.ok) {
      metrics.read([{ result: 'failed', ...counted }], 0);
      throw MendlogError.fromShape(result.error);
    }
    metrics.read([{ result: 'answered', ...counted }], (performance.now() - startedMs) / 1000);
    return [...result.outcomes];
  }

  #result(request: Parameters<RangeReads['submit']>[0], caller: RequestCaller): Promise<RangeReadResult> {
    return new Promise((resolve) => {
      let signal: AbortSignal | undefined;
      const cancel = () => this.#core.cancel(read);
      const read = this.#core.submit({ ...request, caller }, (result) => {
        signal?.removeEventListener('abort', cancel);
        resolve(result);
      });
      // One that is over by now has no need of it.
      if (!this.#core.isUnderWay(read)) return;
      signal = caller.signal;
      signal?.addEventListener('abort', cancel);
    });
  }
}
