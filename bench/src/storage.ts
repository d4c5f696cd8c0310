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
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  encodeFrame,
  FRAME_VERSION_AT,
  frameKeyAt,
  originFromBits,
  type PackedGroup,
  type Version,
  writeVersion,
} from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';
import { open } from 'lmdb';

let uuidMs = 0;
let uuidCounter = 0;

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
const VALUE_BYTES = 256;
const COMMIT_RECORDS = Number(flags.records);
const COMMIT_GROUPS_MAX = Number(flags.groups ?? COMMIT_RECORDS);
const COMMITS_UNDER_WAY = 4;
const putKeys = Number(flags.puts ?? 0);
const seconds = Number(positionals[0] ?? 10);
const partitionCounts = positionals.length > 1 ? positionals.slice(1).map(Number) : [1, 16, 256, 4096];
const kernel = loadKernel();
const origin = originFromBits(7n);
const value = Uint8Array.from({ length: VALUE_BYTES }, (_, i) => i);

/** Each record has this frame, with a version and a key of its own. */
const frame = encodeFrame({ version: { counter: 1, origin }, timeMs: 1e12, value, ...firstKey() });
const FRAME_BYTES = frame.length;
const KEY_AT = frameKeyAt(frame, 0).from;

function firstKey(): { key?: string; append?: { id: Uint8Array; attempt: number } } {
  if (flags.keys) return { append: { id: uuidv7(), attempt: 0 } };
  return putKeys > 0 ? { key: putKey() } : {};
}

/** One of the keys, all of one length. */
function putKey(): string {
  return `user-${String(Math.floor(Math.random() * putKeys)).padStart(8, '0')}`;
}

function writeRecord(message: Buffer, at: number, version: Version): void {
  message.set(frame, at);
  writeVersion(new DataView(message.buffer, message.byteOffset), at + FRAME_VERSION_AT, version);
  if (flags.keys) message.set(uuidv7(), at + KEY_AT);
  else if (putKeys > 0) message.write(putKey(), at + KEY_AT, 'latin1');
}

/** 48 bits of milliseconds, then random ones (RFC 9562). */
/** As clients make them: ascending. */
function uuidv7(): Uint8Array {
  const nowMs = Date.now();
  if (nowMs > uuidMs || uuidCounter === 0xfff) {
    uuidMs = Math.max(nowMs, uuidMs + 1);
    uuidCounter = Math.floor(Math.random() * 0x800);
  } else uuidCounter++;
  const id = Buffer.allocUnsafe(16);
  id.writeUIntBE(uuidMs, 0, 6);
  id.writeUInt16BE(0x7000 | uuidCounter, 6);
  for (let at = 8; at < 16; at += 2) id.writeUInt16BE(Math.floor(Math.random() * 65_536), at);
  id[8] = 0x80 | ((id[8] as number) & 0x3f);
  return id;
}

/** Commits without end: each partition's counters ascend. */
function* commits(partitions: number): Generator<PackedGroup[]> {
  const counters = new Float64Array(partitions);
  const groupsOfCommit = Math.min(partitions, COMMIT_GROUPS_MAX);
  /** Where in a commit a group begins. */
  const startOf = (group: number) => Math.floor((group * COMMIT_RECORDS) / groupsOfCommit);
  for (let next = 0; ; next = (next + groupsOfCommit) % partitions) {
    const groups: PackedGroup[] = [];
    // Views on one message, as a node gets them.
    const message = Buffer.alloc(COMMIT_RECORDS * FRAME_BYTES);
    for (let g = 0; g < groupsOfCommit; g++) {
      const partition = (next + g) % partitions;
      const [start, end] = [startOf(g), startOf(g + 1)];
      const bytes = message.subarray(start * FRAME_BYTES, end * FRAME_BYTES);
      const ends = new Uint32Array(end - start);
      for (let i = 0; i < ends.length; i++) {
        const counter = (counters[partition] ?? 0) + 1;
        counters[partition] = counter;
        writeRecord(message, (start + i) * FRAME_BYTES, { counter, origin });
        ends[i] = (i + 1) * FRAME_BYTES;
      }
      groups.push({ partition: `p${partition}`, bytes, ends });
    }
    yield groups;
  }
}

async function perSecond(
  partitions: number,
  write: (groups: PackedGroup[]) => Promise<unknown>,
  settled: () => Promise<void>,
) {
  const source = commits(partitions);
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
            const frame = bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES);
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
  const bytes = (name: string) => statSync(join(folder, 'store', name, 'data.mdb')).size / ours.records;
  const [logBytes, indexBytes] = [
    bytes('log'),
    bytes(`index/${readdirSync(join(folder, 'store', 'index'))[0]}`),
  ];

  const plain = flags.plain ? await plainLoop(join(folder, 'plain'), partitions) : undefined;
  rmSync(folder, { recursive: true });
  table.push({
    partitions,
    'records/s': Math.round(ours.perSecond),
    'plain loop/s': plain === undefined ? '' : Math.round(plain.perSecond),
    'CPU us/record': ours.cpuUs.toFixed(2),
    'plain loop CPU us': plain?.cpuUs.toFixed(2) ?? '',
    'p50 ms': ours.p50.toFixed(1),
    'p99 ms': ours.p99.toFixed(1),
    'index behind ms': Math.round(ours.lagMs),
    'log B/record': Math.round(logBytes),
    'index B/record': Math.round(indexBytes),
  });
  console.log(JSON.stringify(table.at(-1)));
}
console.table(table);
