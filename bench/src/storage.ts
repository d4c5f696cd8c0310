/**
 * The speed of one store: acknowledged records a second over so many partitions, the index kept up with,
 * beside a plain LMDB loop that puts each record under its partition and number.
 * `npm run build && node bench/dist/storage.js [--keys | --puts KEYS] [--records 1024] [--groups 1024] [--no-plain]
 * [SECONDS] [PARTITIONS ...]`
 *
 * With --keys each record has an append key, a time-ordered random one (UUIDv7), as idempotent appends do. With
 * --puts each is a put of one of so many keys a partition, drawn at random.
 *
 * Records of 256 bytes; a commit brings 1,024 of them, spread over the partitions, or so many in so many of them; four
 * commits are under way. --no-plain leaves the plain loop out. A store's figure counts the time until its index has caught up as well.
 * Of the bytes on disk a record, those of the Merkle rows are named too, as a share of the values: they are part of the index.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { PackedGroup } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { open } from 'lmdb';
import { commits, VALUE_BYTES } from './storage/commits.js';

const { values: flags, positionals } = parseArgs({
  options: {
    keys: { type: 'boolean', default: false },
    puts: { type: 'string' },
    records: { type: 'string', default: '1024' },
    groups: { type: 'string' },
    plain: { type: 'boolean', default: true },
  },
  allowNegative: true,
  allowPositionals: true,
});
const COMMIT_RECORDS = Number(flags.records);
const COMMIT_GROUPS_MAX = Number(flags.groups ?? COMMIT_RECORDS);
const COMMITS_UNDER_WAY = 4;
const keys = flags.keys ? 'append' : flags.puts === undefined ? undefined : Number(flags.puts);
const seconds = Number(positionals[0] ?? 10);
const partitionCounts = positionals.length > 1 ? positionals.slice(1).map(Number) : [1, 16, 256, 4096];
const kernel = loadKernel();

async function perSecond(
  partitions: number,
  write: (groups: PackedGroup[]) => Promise<unknown>,
  settled: () => Promise<void>,
) {
  const source = commits({ partitions, records: COMMIT_RECORDS, groupsMax: COMMIT_GROUPS_MAX, keys });
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  let records = 0;
  const latenciesMs: number[] = [];
  const writer = async () => {
    while (performance.now() - startedMs < seconds * 1000) {
      const groups = source.next().value as PackedGroup[];
      const sentMs = performance.now();
      await write(groups);
      latenciesMs.push(performance.now() - sentMs);
      records += COMMIT_RECORDS;
    }
  };
  await Promise.all(Array.from({ length: COMMITS_UNDER_WAY }, writer));
  const writtenMs = performance.now() - startedMs;
  await settled();
  const settledMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(startedCpu);
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number) => latenciesMs[Math.floor(part * (latenciesMs.length - 1))] ?? 0;
  return {
    records,
    perSecond: (1000 * records) / settledMs,
    cpuUs: (user + system) / records,
    lagMs: settledMs - writtenMs,
    p50: at(0.5),
    p99: at(0.99),
  };
}

/** Each record put on its own, under its partition and number. */
async function plainLoop(path: string, partitions: number) {
  const env = open({
    path,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  });
  const figures = await perSecond(
    partitions,
    (groups) =>
      env.batch(() => {
        for (const { partition, bytes, ends } of groups) {
          for (let i = 0; i < ends.length; i++) {
            const frame = bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]);
            const key = Buffer.allocUnsafe(12);
            key.writeUInt32BE(Number(partition.slice(1)), 0);
            key.set(frame.subarray(2, 10), 4);
            void env.put(key, frame as Buffer);
          }
        }
      }),
    async () => undefined,
  );
  await env.close();
  return figures;
}

/** Bytes of the pages in which the digest rows of an index lie. */
async function rowBytes(path: string): Promise<number> {
  const env = open({ path, readOnly: true });
  const rows = env.openDB({ name: 'rows', encoding: 'binary', keyEncoding: 'binary' });
  const stats: Record<string, unknown> = { ...rows.getStats() };
  await env.close();
  const { pageSize, treeBranchPageCount, treeLeafPageCount } = stats;
  return Number(pageSize) * (Number(treeBranchPageCount) + Number(treeLeafPageCount));
}

const table: Record<string, string | number>[] = [];
for (const partitions of partitionCounts) {
  const folder = mkdtempSync(join(tmpdir(), 'mendlog-bench-'));
  const store = LmdbStore.open({
    dataDir: join(folder, 'store'),
    nodeId: 'bench',
    kernel,
    secret: new Uint8Array(32),
  });
  const ours = await perSecond(
    partitions,
    (groups) => store.apply(groups, []),
    () => store.cleaned(),
  );
  await store.close();
  const indexPath = join(folder, 'store', 'index', readdirSync(join(folder, 'store', 'index'))[0] ?? '');
  const bytesPerRecord = (path: string) => Math.round(statSync(join(path, 'data.mdb')).size / ours.records);

  const plain = flags.plain ? await plainLoop(join(folder, 'plain'), partitions) : undefined;
  table.push({
    partitions,
    'records/s': Math.round(ours.perSecond),
    'plain loop/s': plain === undefined ? '' : Math.round(plain.perSecond),
    'CPU us/record': ours.cpuUs.toFixed(2),
    'plain loop CPU us': plain?.cpuUs.toFixed(2) ?? '',
    'p50 ms': ours.p50.toFixed(1),
    'p99 ms': ours.p99.toFixed(1),
    'index behind ms': Math.round(ours.lagMs),
    'records/partition': Math.round(ours.records / partitions),
    'value B': VALUE_BYTES,
    'log B/record': bytesPerRecord(join(folder, 'store', 'log')),
    'index B/record': bytesPerRecord(indexPath),
    'Merkle rows, % of values': ((100 * (await rowBytes(indexPath))) / (ours.records * VALUE_BYTES)).toFixed(
      3,
    ),
  });
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify(table.at(-1)));
}
console.table(table);
