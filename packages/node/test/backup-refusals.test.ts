// What is not a backup, or not the one that was made: it is refused, and stays as it is.

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { describe, expect, test } from 'vitest';
import { restoreBackup, verifyBackup } from '../src/backup/index.js';
import { BackedUp, valueAt } from './backed-up.js';
import { frame } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, openStore, secret } from './test-store.js';

const FILES = ['log/data.mdb', 'index/data.mdb', 'meta.json'] as const;

/** Where a file lies: the index's folder is named after its log. */
function pathOf(made: BackedUp, file: string): string {
  const { path } =
    made.manifest.files.find((one) => one.path.replace(/^(index)\/[^/]+/, '$1') === file) ?? {};
  return join(made.at('backup'), path ?? file);
}

/** Changes a bit of a file. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
}

async function expectRefused(made: BackedUp, code: string, message: string): Promise<void> {
  const [names, hashes] = [made.names(), made.hashes()];
  const refusal = expect.objectContaining({ code, message: expect.stringContaining(message) });
  await expect(verifyBackup(made.at('backup'), { kernel, secret })).rejects.toEqual(refusal);
  await expect(restoreBackup({ from: made.at('backup'), to: made.at('restored') })).rejects.toEqual(refusal);
  // Nothing is left beside it, and it is as it was.
  expect({ names: made.names(), hashes: made.hashes() }).toEqual({ names, hashes });
}

/** Writes the manifest anew, with a sum that is right. */
function rewriteManifest(made: BackedUp, change: (manifest: Record<string, unknown>) => object): void {
  const path = made.at('backup/manifest.json');
  const { sha256: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8'));
  const changed = change(manifest);
  const sha256 = createHash('sha256').update(JSON.stringify(changed)).digest('hex');
  writeFileSync(path, JSON.stringify({ ...changed, sha256 }));
}

describe('backup', () => {
  test.each(FILES)('backup: a tampered file is refused (file=%s)', async (file) => {
    await using made = await BackedUp.make();
    const path = pathOf(made, file);
    const { length } = readFileSync(path);
    for (const at of [0, Math.floor(length / 2), length - 1]) {
      flip(path, at);
      await expectRefused(made, 'BACKUP_INVALID', 'has changed: its SHA-256 is another');
      flip(path, at);
    }
    await verifyBackup(made.at('backup'), { kernel, secret });
  });

  test.each(FILES)('backup: a missing, cut or lengthened file is refused (file=%s)', async (file) => {
    await using made = await BackedUp.make();
    const path = pathOf(made, file);
    const bytes = readFileSync(path);
    truncateSync(path, bytes.length - 1);
    await expectRefused(made, 'BACKUP_INVALID', `bytes in place of ${bytes.length}`);
    truncateSync(path, 0);
    await expectRefused(made, 'BACKUP_INVALID', `0 bytes in place of ${bytes.length}`);
    writeFileSync(path, bytes);
    appendFileSync(path, 'x');
    await expectRefused(made, 'BACKUP_INVALID', `bytes in place of ${bytes.length}`);
    rmSync(path);
    await expectRefused(made, 'BACKUP_INVALID', 'is missing');
    mkdirSync(path);
    await expectRefused(made, 'BACKUP_INVALID', 'is missing');
    rmSync(path, { recursive: true });
    writeFileSync(made.at('elsewhere'), bytes);
    symlinkSync(made.at('elsewhere'), path);
    await expectRefused(made, 'BACKUP_INVALID', 'is not a file');
  });

  test.each(['extra', 'log/lock.mdb', 'index/other/data.mdb', 'LOCK'])(
    'backup: a file more than there was is refused (file=%s)',
    async (file) => {
      await using made = await BackedUp.make();
      mkdirSync(join(made.at('backup'), file, '..'), { recursive: true });
      writeFileSync(join(made.at('backup'), file), 'x');
      await expectRefused(made, 'BACKUP_INVALID', `${file} is there and no part of the backup`);
    },
  );

  test('backup: a manifest that was changed, cut or removed is refused', async () => {
    await using made = await BackedUp.make();
    const path = made.at('backup/manifest.json');
    const text = readFileSync(path, 'utf8');
    const changed = [
      text.replace(/"records": [0-9]+/, '"records": 1'),
      text.replace(/"madeAt": "2/, '"madeAt": "1'),
      text.replace(/"root": "./, '"root": "z'),
      text.slice(0, -10),
      '{"format": 1}',
      '[]',
      '',
    ];
    for (const other of changed) {
      expect(other).not.toBe(text);
      writeFileSync(path, other);
      await expectRefused(made, 'BACKUP_INVALID', 'manifest.json is not as it was written');
    }
    rmSync(path);
    await expectRefused(
      made,
      'BACKUP_INVALID',
      'is no backup, or one that was cut short: it has no manifest.json',
    );
    writeFileSync(path, text);
    await verifyBackup(made.at('backup'), { kernel, secret });
  });

  test.each([
    ['format', 'has backup format 2, and this version of Mendlog knows format 1'],
    ['storeFormat', 'has store format 9, and this version of Mendlog knows format 8'],
  ])('backup: one of a later version is refused (%s)', async (what, message) => {
    await using made = await BackedUp.make();
    rewriteManifest(made, (manifest) => ({ ...manifest, [what]: Number(manifest[what]) + 1 }));
    await expectRefused(made, 'FORMAT_UNKNOWN', message);
  });

  test.each(['../data/meta.json', '/etc/hostname', 'log/../../data/meta.json', 'index/../log/data.mdb'])(
    'backup: a manifest that leads out of its folder is refused (path=%s)',
    async (path) => {
      await using made = await BackedUp.make();
      rewriteManifest(made, (manifest) => ({
        ...manifest,
        files: [...made.manifest.files, { path, bytes: 1, sha256: '0'.repeat(64) }],
      }));
      await expectRefused(made, 'BACKUP_INVALID', 'manifest.json is not as it was written');
    },
  );

  test('backup: what is none is refused (folder=missing, empty, a data folder)', async () => {
    await using made = await BackedUp.make();
    mkdirSync(made.at('empty'));
    for (const name of ['missing', 'empty', 'data']) {
      const refusal = expect.objectContaining({ code: 'BACKUP_INVALID' });
      await expect(verifyBackup(made.at(name), { kernel, secret })).rejects.toEqual(refusal);
      await expect(restoreBackup({ from: made.at(name), to: made.at('restored') })).rejects.toEqual(refusal);
    }
    expect(made.names()).toEqual(['backup', 'data', 'empty']);
  });

  test('verification: records that the disk had changed before the backup are found and counted', async () => {
    await using made = await BackedUp.make();
    await made.store.close();
    for (const counter of [7, 8]) spoilFrame(made.at('data'), frame(counter, valueAt('a', counter)), 30);
    const store = openStore(made.at('data'));
    const manifest = await store.backup(made.at('second'));
    await store.close();
    expect(manifest.partitions).toEqual(made.manifest.partitions);
    await expect(verifyBackup(made.at('second'), { kernel, secret })).rejects.toEqual(
      expect.objectContaining({
        code: 'BACKUP_INVALID',
        message: expect.stringContaining('a: 2 of 301 records do not match their digests'),
        details: { faults: ['a: 2 of 301 records do not match their digests'] },
      }),
    );
    expect(made.names()).toEqual(['backup', 'data', 'second']);
  });

  test.each([
    ['records', 300, 'a: 301 records in place of 300'],
    ['bytes', 1, 'bytes of records in place of 1'],
    ['root', '0'.repeat(48), 'a: its records have another digest'],
    ['head', 1, 'a: its head is 302 in place of 1'],
    ['trimmedTo', 1, 'a: trimmed to 0 in place of 1'],
    ['name', 'c', 'a: not in the manifest'],
  ])(
    'verification: a manifest that tells something else than the records is refused (%s)',
    async (what, value, message) => {
      await using made = await BackedUp.make();
      rewriteManifest(made, (manifest) => ({
        ...manifest,
        partitions: made.manifest.partitions.map((one) =>
          one.name === 'a' ? { ...one, [what]: value } : one,
        ),
      }));
      await expect(verifyBackup(made.at('backup'), { kernel, secret })).rejects.toThrow(message);
    },
  );

  test("verification: another secret than the cluster's is refused", async () => {
    await using made = await BackedUp.make();
    const other = new TextEncoder().encode('quite another secret');
    await expect(verifyBackup(made.at('backup'), { kernel, secret: other })).rejects.toThrow(
      'backup was written under another cluster secret: use that one',
    );
  });

  test('verification: changes nothing, and its copy is gone where it is aborted too', async () => {
    await using made = await BackedUp.make();
    const before = { hashes: made.hashes(), names: made.names(), inside: readdirSync(made.at('backup')) };
    const steps = new Set<string>();
    await verifyBackup(made.at('backup'), { kernel, secret, onProgress: ({ step }) => steps.add(step) });
    expect([...steps]).toEqual(['hashing', 'copying', 'reading']);
    for (const until of steps) {
      const abort = new AbortController();
      const verification = verifyBackup(made.at('backup'), {
        ...{ kernel, secret, signal: abort.signal },
        onProgress: ({ step }) => {
          if (step === until) abort.abort(new Error('enough'));
        },
      });
      await expect(verification).rejects.toThrow('enough');
    }
    expect({ hashes: made.hashes(), names: made.names(), inside: readdirSync(made.at('backup')) }).toEqual(
      before,
    );
  });

  test('backup: an index that is known to be wrong is made anew in the backup', async () => {
    await using made = await BackedUp.make();
    await made.store.close();
    const index = made.at(`data/index/${made.manifest.logId}`);
    const environment = open({ path: index, maxDbs: 8 });
    const blocks = environment.openDB({ name: 'blocks', keyEncoding: 'binary', encoding: 'binary' });
    const [first] = blocks.getKeys({ limit: 1 });
    if (first !== undefined) await blocks.remove(first);
    await environment.close();
    const store = openStore(made.at('data'));
    await store.backup(made.at('wrong'));
    await expect(verifyBackup(made.at('wrong'), { kernel, secret })).rejects.toThrow(/records in place of/);
    writeFileSync(join(index, 'rebuild'), '');
    await store.backup(made.at('right'));
    await store.close();
    expect((await verifyBackup(made.at('right'), { kernel, secret })).partitions).toEqual(
      made.manifest.partitions,
    );
  });

  test('backup: a folder may be moved, and is the same backup then', async () => {
    await using made = await BackedUp.make();
    using other = temporaryFolder();
    renameSync(made.at('backup'), join(other.path, 'moved'));
    expect(await verifyBackup(join(other.path, 'moved'), { kernel, secret })).toEqual(made.manifest);
  });
});
