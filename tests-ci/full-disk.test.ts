// A disk that is really full: a small file system, mounted for the test.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bytesCodec, createClient } from '@mendlog/client';
import { describe, expect, test } from 'vitest';
import { expectNothingRuns, expectOneSentence } from '../tests/support/account.js';
import { mendlog, runMendlog } from '../tests/support/command.js';
import { eventually } from '../tests/support/eventually.js';
import { awkwardLog } from '../tests/support/logs.js';
import { freeBasePort } from '../tests/support/ports.js';
import { temporaryFolder } from '../tests/support/temporary-folder.js';
import { smallDisk } from './support/small-disk.js';

const MIB = 1024 * 1024;
const VALUE_BYTES = 16 * 1024;
/** More than the whole disk takes. */
const APPENDS_MAX = 2000;

describe('full disk', () => {
  test('full disk: the demo says so and leaves nothing behind (disk=3 MiB, data=kept)', async () => {
    using folder = temporaryFolder();
    using disk = smallDisk(3 * MIB);
    const basePort = await freeBasePort();
    const inputs = Array.from({ length: 8 }, (_, i) => awkwardLog(folder.path, `made-${i}.log`));
    const data = join(disk.path, 'data');
    const args = ['--exit', '--base-port', String(basePort), '--data', data, '--input', ...inputs];
    expectOneSentence(await runMendlog(['demo', ...args]), /the disk is full/);
    await expectNothingRuns(basePort);
  });

  test('full disk: the demo says so and leaves nothing behind (disk=3 MiB, data=temporary)', async () => {
    using folder = temporaryFolder();
    using disk = smallDisk(3 * MIB);
    const basePort = await freeBasePort();
    const inputs = Array.from({ length: 8 }, (_, i) => awkwardLog(folder.path, `made-${i}.log`));
    const args = ['demo', '--exit', '--base-port', String(basePort), '--input', ...inputs];
    const ending = await runMendlog(args, { env: { TMPDIR: disk.path } });
    expectOneSentence(ending, /the disk is full/);
    await expectNothingRuns(basePort);
    expect(readdirSync(disk.path)).toEqual([]);
  });

  test('full disk: a node that cannot even make its store says so (free=0)', async () => {
    using disk = smallDisk(MIB);
    disk.fill();
    const data = join(disk.path, 'data');
    const args = ['serve', '--id', 'node1', '--listen', '127.0.0.1:0', '--data', data];
    expectOneSentence(await runMendlog(args), `cannot use the data folder ${data}: the disk is full`);
  });

  test('full disk: writes are refused, reads go on, and freed space is enough to write again (disk=8 MiB)', async () => {
    using disk = smallDisk(8 * MIB);
    const url = `http://127.0.0.1:${await freeBasePort()}`;
    const listen = ['--id', 'node1', '--listen', new URL(url).host];
    await using node = mendlog(['serve', ...listen, '--data', join(disk.path, 'data')]);
    await eventually(
      'the node to listen',
      () => node.stdout,
      (said) => said.includes('listens on'),
    );
    await using client = createClient({ nodes: [url] });
    const partition = client.partition('orders', { codec: bytesCodec });
    const stored = new Map<string, Uint8Array>();
    const append = async () => {
      const value = Buffer.alloc(VALUE_BYTES, stored.size % 256);
      const { version } = await partition.append(value);
      stored.set(version, value);
    };
    await append();
    disk.fill();

    const refusals = new Set<unknown>();
    const appendUntilRefused = async () => {
      for (let i = 0; i < APPENDS_MAX; i++) await append();
    };
    await appendUntilRefused().catch((error: unknown) => refusals.add(error));
    await append().catch((error: unknown) => refusals.add(error));
    expect([...refusals]).toEqual([
      expect.objectContaining({ code: 'DISK_FULL' }),
      expect.objectContaining({ code: 'DISK_FULL' }),
    ]);

    const readBack = async () => {
      const found = new Map<string, Uint8Array>();
      for await (const { version, value } of partition.scan()) found.set(version, value);
      return [...found].map(([version, value]) => [version, Buffer.from(value)]);
    };
    const expected = () => [...stored].map(([version, value]) => [version, Buffer.from(value)]);
    expect(await readBack()).toEqual(expected());

    disk.free();
    for (let i = 0; i < 10; i++) await append();
    expect(await readBack()).toEqual(expected());
  });
});
