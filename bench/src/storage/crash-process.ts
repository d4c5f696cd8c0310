/**
 * A store as a process that dies: `crash-process.js DATA_DIR SHAPE`, the shape of its commits as JSON. It says that it is
 * open, waits for a message, writes until the overlay is full, and says how many records it has acknowledged.
 */
import { once } from 'node:events';
import { LIMITS, type PackedGroup } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { type CommitShape, commits } from './commits.js';

const shape: CommitShape = JSON.parse(process.argv[3] ?? '{}');
const store = LmdbStore.open({
  dataDir: process.argv[2] ?? '',
  nodeId: 'bench',
  kernel: loadKernel(),
  secret: new Uint8Array(32),
});
const source = commits(shape);
const write = async () => void (await store.apply(source.next().value as PackedGroup[], []));

let records = 0;
// Every partition is there before, and indexed.
for (; records < shape.partitions; records += shape.records) await write();
await store.cleaned();
process.send?.({ open: true });
await once(process, 'message');
for (; store.indexLagBytes < LIMITS.overlayBytesMax; records += shape.records) await write();
process.send?.({ records, lagBytes: store.indexLagBytes });
