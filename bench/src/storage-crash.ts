/**
 * How long a store takes to open after a crash with a full overlay, 64 MiB that the index does not have yet.
 * `npm run build && node bench/dist/storage-crash.js [ROUNDS] [PARTITIONS ...]`
 *
 * A process writes records of 256 bytes, in commits of 1,024 over so many partitions, until its overlay is full, and is
 * killed with SIGKILL. The index cannot follow: another process, this one, is in a transaction of it meanwhile. Then the
 * store is opened here, its files in the memory of the system, and must have every record that was acknowledged.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { open } from 'lmdb';
import { milliseconds } from './records.js';
import type { CommitShape } from './storage/commits.js';

const rounds = Number(process.argv[2] ?? 10);
const partitionCounts = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [1, 256, 4096];
const COMMIT_RECORDS = 1024;
const kernel = loadKernel();

interface Filled {
  readonly records: number;
  readonly lagBytes: number;
}

async function fillAndDie(dataDir: string, shape: CommitShape): Promise<Filled> {
  const child = fork(new URL('./storage/crash-process.js', import.meta.url), [
    dataDir,
    JSON.stringify(shape),
  ]);
  const exited = once(child, 'exit');
  await message(child);
  const index = join(dataDir, 'index');
  const env = open({ path: join(index, readdirSync(index)[0] ?? '') });
  // The child's index waits for this transaction to end.
  const filled = await env.transaction(async () => {
    child.send('fill');
    const last = await message(child);
    child.kill('SIGKILL');
    await exited;
    return last;
  });
  await env.close();
  return filled;
}

async function message(child: ChildProcess): Promise<Filled> {
  const [said] = await once(child, 'message');
  return said;
}

async function round(shape: CommitShape): Promise<Filled & { openMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'mendlog-bench-'));
  const dataDir = join(folder, 'store');
  const filled = await fillAndDie(dataDir, shape);
  const secret = new Uint8Array(32);
  const [store, openMs] = milliseconds(() => LmdbStore.open({ dataDir, nodeId: 'bench', kernel, secret }));
  const held = store.partitions().reduce((sum, { records }) => sum + records, 0);
  await store.close();
  rmSync(folder, { recursive: true });
  if (held < filled.records)
    throw new Error(`${filled.records} records were acknowledged, ${held} are there`);
  return { ...filled, openMs };
}

const table: Record<string, string | number>[] = [];
for (const keys of [undefined, 'append'] as const) {
  for (const partitions of partitionCounts) {
    const results: Awaited<ReturnType<typeof round>>[] = [];
    for (let i = 0; i < rounds; i++)
      results.push(await round({ partitions, records: COMMIT_RECORDS, groupsMax: COMMIT_RECORDS, keys }));
    const times = results.map(({ openMs }) => openMs).sort((a, b) => a - b);
    table.push({
      partitions,
      keys: keys ?? 'none',
      rounds,
      records: Math.round(results.reduce((sum, { records }) => sum + records, 0) / rounds),
      'overlay MiB': Math.round(Math.min(...results.map(({ lagBytes }) => lagBytes)) / 2 ** 20),
      'p50 ms': Math.round(times[Math.floor((rounds - 1) / 2)] ?? 0),
      'max ms': Math.round(times.at(-1) ?? 0),
    });
    console.log(JSON.stringify(table.at(-1)));
  }
}
console.table(table);
