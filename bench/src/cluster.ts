/**
 * The speed of a whole cluster on this machine: three node processes, and this one as the client, which keeps a
 * number of awaited calls under way. docs/performance.md says how to read what it prints.
 * `npm run build && node bench/dist/cluster.js [--seconds 60] [--outstanding 1,64,1024] ...`
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { MendlogError, toMendlogError } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { type BareDisk, measureBareDisk } from './cluster/bare-disk.js';
import { type LevelResult, measureLevel, VALUE_BYTES } from './cluster/measure-level.js';
import { measureRepair } from './cluster/measure-repair.js';
import { MODES, type Mode } from './cluster/modes.js';
import { type ClusterBenchOptions, parseOptions, USAGE } from './cluster/options.js';
import {
  bareDiskLine,
  cpuRows,
  gaugeRows,
  levelRows,
  offeredRows,
  repairRows,
  windowLine,
} from './cluster/report.js';

/** One record, and about what a group commit carries under load. */
const BLOB_BYTES = [VALUE_BYTES, 64 * 1024] as const;
const BARE_DISK_SECONDS_MAX = 2;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const stopping = new AbortController();
/** What a shell expects of a process that a signal ended. */
let signalStatus: number | undefined;
for (const [name, number] of Object.entries(SIGNALS)) {
  process.on(name, () => {
    signalStatus ??= 128 + number;
    stopping.abort(new Error(`stopped by ${name}`));
  });
}

try {
  await run(parseOptions(process.argv.slice(2)));
} catch (thrown) {
  // What fails after an abort fails because of it.
  const { message, code } = toMendlogError(stopping.signal.aborted ? stopping.signal.reason : thrown);
  if (signalStatus === undefined)
    console.error(`cluster: ${message}${code === 'BAD_CONFIG' ? `; ${USAGE}` : ''}`);
  process.exitCode = signalStatus ?? 1;
}

async function run(options: ClusterBenchOptions): Promise<void> {
  if (!existsSync('/proc/stat'))
    throw new MendlogError('UNAVAILABLE', 'the CPU that nodes use is read from /proc: this needs Linux');
  const folder = folderOf(options);
  try {
    const mode = MODES.get(options.mode);
    await (mode === undefined ? runRepair(options, folder) : runLoad(mode, options, folder));
  } finally {
    if (options.folder === undefined) removeTemporary(folder);
  }
}

async function runLoad(mode: Mode, options: ClusterBenchOptions, folder: string): Promise<void> {
  const { seconds, warmUpSeconds, partitions, clients, rate, turn } = options;
  const machine = sayWhat(mode.what, options);
  const before = await bareDisk(options, folder, 'before');
  const levels: LevelResult[] = [];
  for (const outstanding of options.outstanding) {
    const data = join(folder, `data-${outstanding}`);
    levels.push(
      await measureLevel({
        mode,
        outstanding,
        seconds,
        warmUpSeconds,
        partitions,
        clients,
        rate,
        turn,
        folder: data,
        profiles: options.isProfiled ? join(folder, `profiles-${outstanding}`) : undefined,
        onWindow: (loop, window) => console.log(windowLine(loop, window)),
        stopping,
      }),
    );
    if (options.folder === undefined) rmSync(data, { recursive: true });
  }
  const after = await bareDisk(options, folder, 'after');
  console.table(levelRows(levels));
  if (rate !== undefined) {
    console.log('offered by an open loop:');
    console.table(offeredRows(levels));
  }
  console.log('seconds of CPU a second:');
  console.table(cpuRows(levels));
  console.log('behind, by node:');
  console.table(gaugeRows(levels));
  if (options.isProfiled) console.log(`profiles: ${folder}`);
  if (options.json !== undefined) {
    const result = { options, machine, bareDisk: { before, after }, levels };
    writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
}

async function runRepair(options: ClusterBenchOptions, folder: string): Promise<void> {
  const machine = sayWhat('partition.get(key), one outstanding, every other one repairs a replica', options);
  const { seconds, warmUpSeconds, partitions } = options;
  const result = await measureRepair({
    seconds,
    warmUpSeconds,
    partitions,
    folder: join(folder, 'data'),
    stopping,
  });
  console.table(repairRows(result));
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ options, machine, ...result }, undefined, 2)}\n`);
}

function sayWhat(what: string, { partitions }: ClusterBenchOptions) {
  const machine = { node: process.version, cores: cpus().length, kernel: loadKernel().kind };
  console.log(`node bench/dist/cluster.js ${process.argv.slice(2).join(' ')}`.trimEnd());
  console.log(
    `${what}, ${VALUE_BYTES} bytes, ${partitions} partitions, 3 nodes, QUORUM; Node.js ${machine.node}, ${machine.cores} cores, ${machine.kernel} kernel`,
  );
  return machine;
}

function folderOf({ folder }: ClusterBenchOptions): string {
  if (folder === undefined) return mkdtempSync(join(tmpdir(), 'mendlog-bench-'));
  mkdirSync(folder, { recursive: true });
  // A store from before would be measured with what it holds.
  if (readdirSync(folder).length > 0)
    throw new MendlogError('BAD_CONFIG', `--folder ${folder} is not empty: name a new one`);
  return folder;
}

/** All but the profiles, which somebody wants to read. */
function removeTemporary(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith('profiles-')) rmSync(join(folder, name), { recursive: true });
  }
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

async function bareDisk(options: ClusterBenchOptions, folder: string, when: string): Promise<BareDisk[]> {
  const seconds = Math.min(BARE_DISK_SECONDS_MAX, options.seconds / BLOB_BYTES.length);
  const measured: BareDisk[] = [];
  for (const blobBytes of BLOB_BYTES) {
    const disk = await measureBareDisk({ folder, blobBytes, seconds, signal: stopping.signal });
    console.log(bareDiskLine(when, disk));
    measured.push(disk);
  }
  return measured;
}
