/**
 * How long a write and a read of one store wait: alone, beside a bare put and flush of LMDB, and while the store
 * merges entries and is scrubbed.
 * `npm run build && node bench/dist/storage-latency.js [SECONDS]`
 *
 * One writer commits a record of 256 bytes after the other, and a point read follows each commit. Phases take turns,
 * three of each, in one store of 400,000 records. While merging, what another partition holds is trimmed and written
 * again all the time, so that entries are removed and written anew; the scrub runs at its default speed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame, LIMITS, originFromBits, packItems } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { open } from 'lmdb';

const ROUNDS = 3;
const RECORDS = 400_000;
const BATCH = 1000;
/** Of the default of `scrub.bytesPerSecondMax`, ten times a second. */
const SCRUB_BYTES_PER_TICK = (4 * 1024 * 1024) / 10;
const SCRUB_TICK_MS = 100;
/** The scrub of a node gives the thread back after that. */
const SCRUB_WORK_MS = 5;

const seconds = Number(process.argv[2] ?? 10);
const origin = originFromBits(7n);
const value = Uint8Array.from({ length: 256 }, (_, i) => i);
const frameOf = (counter: number) => encodeFrame({ version: { counter, origin }, timeMs: 1e12, value });
const framesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => frameOf(first + i));

const folder = mkdtempSync(join(tmpdir(), 'mendlog-bench-'));
const kernel = loadKernel();
const store = LmdbStore.open({
  dataDir: join(folder, 'store'),
  nodeId: 'bench',
  kernel,
  secret: new Uint8Array(32),
});
for (let first = 1; first <= RECORDS; first += BATCH)
  await store.apply([packItems('old', framesFrom(first, BATCH))], []);
await store.cleaned();
const env = open({
  path: join(folder, 'bare'),
  overlappingSync: false,
  eventTurnBatching: false,
  encoding: 'binary',
});

const samples: Record<string, number[]> = {};
const note = (what: string, startedMs: number) => {
  samples[what] ??= [];
  samples[what].push(performance.now() - startedMs);
};

let next = 1;
async function foreground(phase: string, isOn: () => boolean): Promise<void> {
  for (let i = 0; isOn(); i++) {
    const counter = next++;
    const startedMs = performance.now();
    await store.apply([packItems('new', [frameOf(counter)])], []);
    note(`commit, ${phase}`, startedMs);
    const readMs = performance.now();
    store.readVersions('old', [{ counter: 1 + ((i * 7919) % RECORDS), origin }], LIMITS.messageBytesMax);
    note(`read, ${phase}`, readMs);
  }
}

/** Writes and trims: at any time a part of the log is outworn. */
let written = 1;
async function merging(isOn: () => boolean): Promise<void> {
  while (isOn()) {
    await store.apply(
      [packItems('merged', framesFrom(written, 100)), packItems('kept', framesFrom(written, 20))],
      [],
    );
    written += 100;
    if (written % 2000 === 1) await store.trim('merged', Math.max(written - 2000, 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function scrubbing(isOn: () => boolean): Promise<void> {
  let steps = store.checkSteps();
  while (isOn()) {
    const endsAtMs = performance.now() + SCRUB_WORK_MS;
    for (let bytes = SCRUB_BYTES_PER_TICK; bytes > 0 && performance.now() < endsAtMs; ) {
      const step = steps.next();
      if (step.done === true) steps = store.checkSteps();
      else bytes -= step.value.bytes;
    }
    await new Promise((resolve) => setTimeout(resolve, SCRUB_TICK_MS));
  }
}

async function bare(isOn: () => boolean): Promise<void> {
  for (let i = 1; isOn(); i++) {
    const startedMs = performance.now();
    await env.put(i, frameOf(i) as Buffer);
    note('bare put and flush', startedMs);
  }
}

const writesAlone = async (isOn: () => boolean) => {
  while (isOn()) {
    await store.apply(
      [packItems('merged', framesFrom(written, 100)), packItems('kept', framesFrom(written, 20))],
      [],
    );
    written += 100;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

async function phase(work: ((isOn: () => boolean) => Promise<void>)[]): Promise<void> {
  const endsAtMs = performance.now() + (1000 * seconds) / ROUNDS;
  const isOn = () => performance.now() < endsAtMs;
  await Promise.all(work.map((part) => part(isOn)));
  await store.cleaned();
}

for (let round = 0; round < ROUNDS; round++) {
  await phase([bare]);
  await phase([(isOn) => foreground('alone', isOn)]);
  await phase([(isOn) => foreground('beside other writes', isOn), writesAlone]);
  await phase([(isOn) => foreground('beside other writes, merge and scrub', isOn), merging, scrubbing]);
}
await env.close();
await store.close();
rmSync(folder, { recursive: true });

console.table(
  Object.entries(samples).map(([what, times]) => {
    times.sort((a, b) => a - b);
    const at = (part: number) => (times[Math.floor(part * (times.length - 1))] ?? 0).toFixed(3);
    return { what, samples: times.length, 'p50 ms': at(0.5), 'p99 ms': at(0.99) };
  }),
);
