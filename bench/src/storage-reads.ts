/**
 * The speed of reads of one store of a million records of 256 bytes in 16 partitions, and of opening it.
 * `npm run build && node bench/dist/storage-reads.js [RECORDS]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeFrame,
  frameVersion,
  LIMITS,
  originFromBits,
  packItems,
  putKey,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  versionAfter,
} from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { milliseconds } from './records.js';

const PARTITIONS = 16;
const MANY_PARTITIONS = 4096;
const BATCH = 1024;
/** Reads a call. */
const BATCHES = [1024, 4096];
const READS = 102_400;

const records = Number(process.argv[2] ?? 1_000_000);
const perPartition = Math.floor(records / PARTITIONS);
const origin = originFromBits(7n);
const value = Uint8Array.from({ length: 256 }, (_, i) => i);
const folder = mkdtempSync(join(tmpdir(), 'mendlog-bench-'));
const dataDir = join(folder, 'store');
const open = () =>
  LmdbStore.open({ dataDir, nodeId: 'bench', kernel: loadKernel(), secret: new Uint8Array(32) });

function framesFrom(first: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    encodeFrame({ version: { counter: first + i, origin }, timeMs: 1e12, value }),
  );
}

/** Beside the rate what one takes of CPU, which others on the machine change less. */
function report(what: string, work: () => number): void {
  const startedCpu = process.cpuUsage();
  const [count, ms] = milliseconds(work);
  const { user, system } = process.cpuUsage(startedCpu);
  const cpuUs = (user + system) / count;
  const rate = Math.round((1000 * count) / ms).toLocaleString('en');
  console.log(`${what}: ${rate} a second, ${cpuUs.toFixed(2)} us of CPU each`);
}

let store = open();
for (let first = 1; first <= perPartition; first += BATCH) {
  const frames = framesFrom(first, Math.min(BATCH, perPartition + 1 - first));
  await Promise.all(
    Array.from({ length: PARTITIONS }, (_, p) => store.apply([packItems(`p${p}`, frames)], [])),
  );
}
for (let first = 1; first <= perPartition; first += BATCH) {
  const frames = Array.from({ length: Math.min(BATCH, perPartition + 1 - first) }, (_, i) => {
    const counter = first + i;
    return encodeFrame({ version: { counter, origin }, timeMs: 1e12, value, key: `user-${counter}` });
  });
  await store.apply([packItems('keyed', frames)], []);
}
await store.cleaned();

/** The same draws each time. */
let drawn = 1;
const draw = (below: number) => {
  drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((drawn / 2 ** 32) * below);
};
const randomVersion = () => ({ counter: 1 + draw(perPartition), origin });

function pointReads(batch: number): number {
  for (let i = 0; i < READS; i += batch) {
    const versions = Array.from({ length: batch }, randomVersion);
    store.readVersions(`p${draw(PARTITIONS)}`, versions, LIMITS.messageBytesMax);
  }
  return READS;
}

/** Of a partition whose records have keys. */
function keyReads(batch: number): number {
  for (let i = 0; i < READS; i += batch) {
    const keys = Array.from({ length: batch }, () => putKey(`user-${draw(perPartition)}`));
    store.readKeys('keyed', keys, LIMITS.messageBytesMax);
  }
  return READS;
}

function scan(): number {
  let count = 0;
  for (let p = 0; p < PARTITIONS; p++) {
    let from: typeof VERSION_LOWEST | undefined = VERSION_LOWEST;
    while (from !== undefined) {
      const range = { from, to: VERSION_HIGHEST, limit: LIMITS.batchRecordsMax };
      const { frames, truncated } = store.readRange(`p${p}`, range, LIMITS.messageBytesMax);
      count += frames.length;
      from = truncated ? versionAfter(frameVersion(frames.at(-1) as Uint8Array)) : undefined;
    }
  }
  return count;
}

for (let run = 1; run <= 3; run++) {
  report('point reads, one a call', () => pointReads(1));
  for (const batch of BATCHES) report(`point reads, ${batch} a call`, () => pointReads(batch));
  report('reads by key, one a call', () => keyReads(1));
  for (const batch of BATCHES) report(`reads by key, ${batch} a call`, () => keyReads(batch));
  report('records of a scan', scan);
}

await Promise.all(
  Array.from({ length: MANY_PARTITIONS }, (_, p) =>
    store.apply([packItems(`many${p}`, framesFrom(1, 1))], []),
  ),
);
const [, headsMs] = milliseconds(() => {
  for (let p = 0; p < MANY_PARTITIONS; p++) store.head(`many${p}`);
});
const [, summariesMs] = milliseconds(() => store.partitions());
console.log(
  `heads of ${MANY_PARTITIONS} partitions: ${headsMs.toFixed(2)} ms, summaries: ${summariesMs.toFixed(2)} ms`,
);

await store.close();
const [, openMs] = milliseconds(() => {
  store = open();
});
console.log(`opened in ${openMs.toFixed(0)} ms`);
await store.close();
rmSync(join(dataDir, 'index'), { recursive: true });
const [, rebuildMs] = milliseconds(() => {
  store = open();
});
console.log(
  `opened in ${rebuildMs.toFixed(0)} ms without its index: ${Math.round((256 * records) / rebuildMs / 1000)} MB of values a second`,
);
await store.close();
rmSync(folder, { recursive: true });
