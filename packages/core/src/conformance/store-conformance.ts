import { HINT_CASES } from './hint-cases.js';
import { KEY_CASES } from './key-cases.js';
import { PURGE_CASES } from './purge-cases.js';
import { randomCase } from './random-case.js';
import { RANGE_CASES } from './range-cases.js';
import { RECORD_CASES } from './record-cases.js';
import { REFUSAL_CASES } from './refusal-cases.js';
import { SESSION_CASES } from './session-cases.js';
import { SIDE_CASES } from './side-cases.js';
import type { ConformanceCase, StoreEngine } from './store-engine.js';
import { TAIL_CASES } from './tail-cases.js';
import { TIME_CASES } from './time-cases.js';
import { TRIM_CASES } from './trim-cases.js';

export interface StoreConformanceOptions {
  /** Of the random case, which has it in its name; 1 unless told. */
  readonly seed?: number;
}

/** What every engine behind the storage port keeps, as cases for a test runner of your own. */
export function storeConformance(
  engine: StoreEngine,
  { seed = 1 }: StoreConformanceOptions = {},
): readonly ConformanceCase[] {
  const cases = [
    ...RECORD_CASES,
    ...KEY_CASES,
    ...REFUSAL_CASES,
    ...RANGE_CASES,
    ...TRIM_CASES,
    ...PURGE_CASES,
    randomCase(seed),
    ...TIME_CASES,
    ...TAIL_CASES,
    ...HINT_CASES,
    ...SIDE_CASES,
    ...SESSION_CASES,
  ];
  return cases.map(({ name, run }) => ({ name, run: () => run(engine) }));
}
