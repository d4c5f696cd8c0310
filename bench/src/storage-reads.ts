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
const READS = 100_000;

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

function report(what: string, count: number, ms: number): void {
  console.log(`${what}: ${Math.round((1000 * count) / ms).toLocaleString('en')} a second`);
}

let store = open();
for (let first = 1; first <= perPartition; first += BATCH) {
  const frames = framesFrom(first, Math.min(BATCH, perPartition + 1 - first));
  await Promise.all(
    Array.from({ length: PARTITIONS }, (_, p) => store.apply([packItems(`p${p}`, frames)], [])),
  );
}
await store.cleaned();

/** The same draws each time. */
let drawn = 1;
const draw = (below: number) => {
  drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((drawn / 2 ** 32) * below);
};
const randomVersion = () => ({ counter: 1 + draw(perPartition), origin });

for (let run = 1; run <= 3; run++) {
  const [, alone] = milliseconds(() => {
    for (let i = 0; i < READS; i++) {
      store.readVersions(`p${draw(PARTITIONS)}`, [randomVersion()], LIMITS.messageBytesMax);
    }
  });
  report('point reads, one a call', READS, alone);
  const [, together] = milliseconds(() => {
    for (let i = 0; i < READS; i += BATCH) {
      const versions = Array.from({ length: BATCH }, randomVersion);
      store.readVersions(`p${draw(PARTITIONS)}`, versions, LIMITS.messageBytesMax);
    }
  });
  report(`point reads, ${BATCH} a call`, READS, together);
  const [scanned, scanMs] = milliseconds(() => {
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
  });
  report('records of a scan', scanned, scanMs);
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
