/** What was found in scans, as the reports of checks: counted all, and the first ones kept. */
import { type CheckReport, type Invariant, VIOLATIONS_KEPT_MAX, type Violation } from './check-report.js';

class Tally {
  readonly #invariant: Invariant;
  readonly #check: string;
  readonly #kept: Violation[] = [];
  #count = 0;

  constructor(invariant: Invariant, check: string) {
    this.#invariant = invariant;
    this.#check = check;
  }

  found(partition: string, key: string | null, message: string): void {
    this.#count++;
    if (this.#kept.length < VIOLATIONS_KEPT_MAX) this.#kept.push({ partition, key, message, operations: [] });
  }

  report(checked: number): CheckReport {
    return {
      invariant: this.#invariant,
      check: this.#check,
      checked,
      unchecked: 0,
      violationCount: this.#count,
      violations: [...this.#kept],
    };
  }
}

export class ScanReports {
  readonly #missing = new Tally('I3', 'scans have what was acknowledged');
  readonly #gone = new Tally('I4', 'scans have what scans have shown');
  readonly #twice = new Tally('I9', 'scans are in order, without what was replaced');
  readonly #unacknowledged = new Tally('I9', 'scans have only what was written');
  #scans = 0;

  judged(): void {
    this.#scans++;
  }

  missing(partition: string, key: string | null, message: string): void {
    this.#missing.found(partition, key, message);
  }

  gone(partition: string, key: string | null, message: string): void {
    this.#gone.found(partition, key, message);
  }

  twice(partition: string, key: string | null, message: string): void {
    this.#twice.found(partition, key, message);
  }

  unacknowledged(partition: string, key: string | null, message: string): void {
    this.#unacknowledged.found(partition, key, message);
  }

  reports(): CheckReport[] {
    return [this.#missing, this.#gone, this.#twice, this.#unacknowledged].map((tally) =>
      tally.report(this.#scans),
    );
  }
}
