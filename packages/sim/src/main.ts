/** The command: runs seeds, and tells what they did and what was wrong. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runSeed } from './run.js';
import { runOnThreads, type SeedResult } from './seed-threads.js';
import { addRun, describeTotals, noTotals } from './totals.js';
import { formatTraceLine } from './world/trace.js';

const TRACE_LINES = 60;
/** One broken rule breaks in most seeds: a few are enough to look into. */
const SEEDS_SHOWN_MAX = 3;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    'first-seed': { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    'stop-at-first': { type: 'boolean', default: false },
    /** Violations alone, without what led to them. */
    'no-trace': { type: 'boolean', default: false },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const seeds = wholeNumber('--seeds', values.seeds);
const firstSeed = wholeNumber('--first-seed', values['first-seed']);
const threads = wholeNumber('--threads', values.threads);

const totals = noTotals();
const take = (result: SeedResult) => {
  addRun(totals, result);
  if (result.violations.length > 0 && totals.violatedSeeds <= SEEDS_SHOWN_MAX) show(result);
};
// A trace is of one seed, and the first seed that fails is known only where they run in their order.
if (threads > 1 && !values.trace && !values['stop-at-first'])
  await runOnThreads(numbersFrom(firstSeed, seeds), Math.min(threads, seeds), take);
else {
  for (const seed of numbersFrom(firstSeed, seeds)) {
    const result = runSeed(seed, { trace: values.trace && seeds === 1 });
    take(result);
    if (values.trace && seeds === 1)
      for (const line of result.trace.last(Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY))
        console.log(formatTraceLine(line));
    if (result.violations.length > 0 && values['stop-at-first']) break;
  }
}
console.log(describeTotals(totals));
if (totals.violations > 0) process.exitCode = 1;

/** The seed is run once more, with a trace, which does the same again. */
function show({ seed, violations }: SeedResult): void {
  console.log(`seed ${seed}: ${violations.length} violations`);
  // The first of each invariant: what breaks one often breaks it many times.
  const firsts = violations.filter(
    (one, i) => violations.findIndex(({ invariant }) => invariant === one.invariant) === i,
  );
  for (const { invariant, message } of firsts) console.log(`  ${invariant}  ${message}`);
  console.log(`  again: node packages/sim/dist/main.js --first-seed ${seed} --seeds 1`);
  if (values['no-trace']) return;
  const { trace, violations: again } = runSeed(seed, { trace: true });
  const [first] = again;
  if (first === undefined) throw new Error(`seed ${seed} did something else the second time`);
  for (const line of trace.last(TRACE_LINES, first.atUs, first.words))
    console.log(`  ${formatTraceLine(line)}`);
}

function* numbersFrom(first: number, count: number): Generator<number> {
  for (let number = first; number < first + count; number++) yield number;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new TypeError(`${name} is a whole number, not ${text}`);
}
