/**
 * What an anti-entropy session between two stores costs until it knows the differences: bytes of all messages both ways
 * as MessagePack, round trips, and CPU of both sides. `npm run build && node bench/dist/session.js [RECORDS]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AntiEntropySession,
  answerSymbols,
  encodeFrame,
  heldRecords,
  originFromBits,
  packItems,
  ROW_BYTES,
  type SessionOutcome,
  type SessionStep,
  type Store,
} from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { Packr } from 'msgpackr';

const PARTITION = 'orders';
const BATCH = 4096;
const RUNS = 5;
const TIMEOUT_MS = 60_000;

const records = Number(process.argv[2] ?? 100_000);
const kernel = loadKernel();
const folder = mkdtempSync(join(tmpdir(), 'mendlog-bench-'));
const packr = new Packr({ useRecords: false });
const origin = originFromBits(7n);
const value = Uint8Array.from({ length: 256 }, (_, i) => i);

class Messages {
  bytes = 0;
  trips = 0;

  count<Answer>(path: string, input: unknown, answer: Answer): Answer {
    this.trips += 1;
    this.bytes += packr.pack([this.trips, 0, `peer.${path}`, input, TIMEOUT_MS]).length;
    this.bytes += packr.pack([this.trips, 0, answer]).length;
    return answer;
  }
}

async function storeOf(name: string, holds: (counter: number) => boolean): Promise<LmdbStore> {
  const dataDir = join(folder, name);
  const store = LmdbStore.open({ dataDir, nodeId: name, kernel, secret: new Uint8Array(32) });
  for (let first = 1; first <= records; first += BATCH) {
    const frames: Uint8Array[] = [];
    for (let counter = first; counter < first + BATCH && counter <= records; counter++)
      if (holds(counter)) frames.push(encodeFrame({ version: { counter, origin }, timeMs: 1e12, value }));
    await store.apply([packItems(PARTITION, frames)], []);
  }
  // Opened anew, all of it is in the index.
  await store.close();
  return LmdbStore.open({ dataDir, nodeId: name, kernel, secret: new Uint8Array(32) });
}

/** A preview: it finds all and moves nothing. */
function preview(here: Store, there: Store, messages: Messages): SessionOutcome {
  const session = new AntiEntropySession(kernel, { preview: true });
  const partition = PARTITION;
  let step: SessionStep = session.start();
  while (step.need !== 'nothing') {
    switch (step.need) {
      case 'roots':
        step = session.roots(summaryOf(here), messages.count('root', { partition }, summaryOf(there)));
        break;
      case 'rows': {
        const { level, ranges } = step;
        const { rows } = messages.count(
          'rows',
          { partition, level, ranges },
          { rows: there.rows(partition, level, ranges) },
        );
        step = session.rows(here.rows(partition, level, ranges), rows);
        break;
      }
      case 'held':
        step = session.held(atOnce(heldRecords(here, { partition, segments: step.segments })));
        break;
      case 'symbols': {
        const { segments, first, symbols } = step;
        const question = { partition, segments, first, symbols };
        const made = atOnce(answerSymbols(there, kernel, question));
        step = session.symbols(messages.count('symbols', question, { answer: made }).answer);
        break;
      }
      case 'listings': {
        const ranges = step.ranges.map((range) => ({ partition, range }));
        const theirs = step.ranges.map((range) => there.list(partition, range));
        const { listings } = messages.count('list', { ranges }, { listings: theirs });
        step = session.listings(
          step.ranges.map((range) => here.list(partition, range)),
          listings,
        );
        break;
      }
      default:
        throw new Error(`a preview has no ${step.need}`);
    }
  }
  return step.outcome;
}

function summaryOf(store: Store) {
  const { root = new Uint8Array(ROW_BYTES), trimmedTo = 0, purgedTo = 0 } = store.summary(PARTITION) ?? {};
  return { root, trimmedTo, purgedTo };
}

function atOnce<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

const all = await storeOf('all', () => true);
const middle = Math.floor(records / 2) + 17;
console.log(
  `${records} records, ${kernel.kind} kernel: differences | bytes | round trips | CPU ms of both sides`,
);
for (const count of [1, 10, 100, 1000]) {
  const every = Math.floor(records / count);
  const cases = [
    { place: 'scattered', lacks: (counter: number) => counter % every === 17 % every },
    { place: 'in one place', lacks: (counter: number) => counter >= middle && counter < middle + count },
  ];
  for (const { place, lacks } of cases) {
    const store = await storeOf(`${count} ${place}`, (counter) => !lacks(counter));
    let messages = new Messages();
    const cpuMs: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      messages = new Messages();
      const before = process.cpuUsage();
      const outcome = preview(store, all, messages);
      const { user, system } = process.cpuUsage(before);
      cpuMs.push((user + system) / 1000);
      if (outcome.missingHere !== count) throw new Error(`${outcome.missingHere} of ${count} were found`);
    }
    await store.close();
    console.log(`${count} ${place} | ${messages.bytes} | ${messages.trips} | ${median(cpuMs).toFixed(1)}`);
  }
}
await all.close();
rmSync(folder, { recursive: true });
