// Writes batches, each a line of a file in base64, to a store; run with the journal preloaded. The number of one that is
// acknowledged is written to the file `acks`, which is watched too, so that the order is known.
import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decodePacked } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';

const OUTSTANDING = 6;
const [dataDir, batchesFile, secret] = process.argv.slice(2);
const batches = readFileSync(batchesFile, 'utf8').trimEnd().split('\n');
const store = LmdbStore.open({ dataDir, nodeId: 'n1', kernel: loadKernel(), secret: Buffer.from(secret) });
const acks = openSync(join(dataDir, 'acks'), 'w');
let next = 0;
const writer = async () => {
  while (next < batches.length) {
    const number = ++next;
    await store.apply(decodePacked(Buffer.from(batches[number - 1], 'base64')), []);
    writeSync(acks, `${number}\n`);
  }
};
await Promise.all(Array.from({ length: OUTSTANDING }, writer));
await store.cleaned();
await store.close();
