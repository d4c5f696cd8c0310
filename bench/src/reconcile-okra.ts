/** okra: a tree a side, and its own sync over a source that counts what would cross the wire. */
import { type Node, type SyncSource, sync } from '@canvas-js/okra';
import { Tree } from '@canvas-js/okra-memory';
import type { Reconciliation } from './reconciliation.js';
import { itemsOf, type Records } from './records.js';

const KEY_BYTES = 8;

export async function reconcileWithOkra(here: Records, there: Records): Promise<Reconciliation> {
  let startedMs = performance.now();
  const own = await treeOf(here);
  const buildMs = performance.now() - startedMs;
  const other = await treeOf(there);
  let bytes = 0;
  let found = 0;
  startedMs = performance.now();
  await own.read(async (source) => {
    const counted = <Result extends Node | Node[] | null>(result: Result): Result => {
      for (const node of [result].flat()) bytes += 1 + KEY_BYTES + (node?.hash.length ?? 0);
      return result;
    };
    const asked = 1 + KEY_BYTES;
    const wire: SyncSource = {
      getRoot: () => counted(source.getRoot()),
      getNode: (level, key) => {
        bytes += asked;
        return counted(source.getNode(level, key));
      },
      getChildren: (level, key) => {
        bytes += asked;
        return counted(source.getChildren(level, key));
      },
    };
    await other.read(async (target) => {
      for await (const delta of sync(wire, target)) found += delta.key.length > 0 ? 1 : 0;
    });
  });
  return { bytes, cpuMs: performance.now() - startedMs, buildMs, found };
}

async function treeOf(records: Records): Promise<Tree> {
  async function* entries(): AsyncGenerator<[Uint8Array, Uint8Array]> {
    for (const { counter, tag } of itemsOf(records)) {
      const key = new Uint8Array(KEY_BYTES);
      new DataView(key.buffer).setBigUint64(0, BigInt(counter));
      yield [key, tag];
    }
  }
  return await Tree.fromEntries({}, entries());
}
