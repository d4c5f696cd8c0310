/**
 * Two sets of a million ids: bytes both ways and CPU of both sides until the differences are known, for Mendlog's sketch
 * and rows, @peerbit/riblt and @canvas-js/okra-memory. `npm run build && node bench/dist/reconcile.js [RECORDS]`;
 * negentropy is in bench/rust. What is kept up to date anyway (rows, tree) is built beforehand, in a column of
 * its own; sketch and riblt have no such thing.
 */
import { loadKernel } from '@mendlog/merkle';
import { reconcileWithOkra } from './reconcile-okra.js';
import { reconcileWithPeerbit } from './reconcile-peerbit.js';
import { reconcileWithRows } from './reconcile-rows.js';
import { reconcileWithSketch } from './reconcile-sketch.js';
import type { Reconciliation } from './reconciliation.js';
import { differences, recordsOf } from './records.js';

const records = Number(process.argv[2] ?? 1_000_000);
const kernel = loadKernel();
const all = Array.from({ length: records }, (_, counter) => counter);
const here = recordsOf(all);

for (const { name, lacks } of differences(records)) {
  const there = recordsOf(all.filter((counter) => !lacks(counter)));
  const results: [string, Reconciliation][] = [
    [`sketch (${kernel.kind})`, reconcileWithSketch(kernel, here, there)],
    [`rows (${kernel.kind})`, reconcileWithRows(kernel, here, there)],
    ['@peerbit/riblt 1.2.0', await reconcileWithPeerbit(here, there)],
    ['okra-memory 0.4.7', await reconcileWithOkra(here, there)],
  ];
  for (const [system, { bytes, cpuMs, buildMs, found }] of results) {
    console.log(
      `${name} | ${system} | ${bytes} B | ${cpuMs.toFixed(2)} ms | built in ${buildMs.toFixed(0)} ms | ${found} found`,
    );
  }
}
