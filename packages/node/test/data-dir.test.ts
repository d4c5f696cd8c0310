// Whose a data folder is: one process at a time, one node, one format.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadKernel } from '@mendlog/merkle';
import { expect, test } from 'vitest';
import { LmdbStore } from '../src/storage/lmdb-store.js';
import { eventually } from './eventually.js';
import { frame, groupOf } from './records.js';
import { temporaryFolder } from './temporary-folder.js';
import { openStore } from './test-store.js';

const processTimesKnown = existsSync('/proc/self/stat');

/** Opens the folder in a process of its own, stores one record, and says `open` or the error's code. */
const OTHER_PROCESS = `
  import { LmdbStore } from ${JSON.stringify(new URL('../dist/storage/lmdb-store.js', import.meta.url))};
  import { loadKernel } from ${JSON.stringify(new URL('../../merkle/dist/index.js', import.meta.url))};
  import { packItems } from ${JSON.stringify(new URL('../../core/dist/index.js', import.meta.url))};
  const [dataDir, secret, frame] = process.argv.slice(1);
  try {
    const store = LmdbStore.open({ dataDir, nodeId: 'n1', kernel: loadKernel(), secret: Buffer.from(secret) });
    await store.apply([packItems('orders', [Buffer.from(frame, 'hex')])], []);
    console.log('open');
    process.stdin.on('end', () => store.close()).resume();
  } catch (error) {
    console.log(error.code ?? error.stack);
  }
`;

/** What lies in a folder, in all its files. */
function filesOf(path: string): readonly (readonly [name: string, hash: string])[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
    .map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex')]);
}

interface OtherProcess extends AsyncDisposable {
  readonly said: string;
  kill(): Promise<void>;
}

async function openInOtherProcess(dataDir: string): Promise<OtherProcess> {
  const bytes = Buffer.from(frame(1, 'from the other process')).toString('hex');
  const args = ['--input-type=module', '--eval', OTHER_PROCESS, dataDir, 'a secret for tests only', bytes];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [said] = await once(createInterface(child.stdout), 'line');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  return { said, kill, [Symbol.asyncDispose]: kill };
}

test('data folder: a second process is refused while the first holds it', async () => {
  using folder = temporaryFolder();
  const store = openStore(folder.path);
  {
    await using other = await openInOtherProcess(folder.path);
    expect(other.said).toBe('DATA_DIR_LOCKED');
  }
  expect(() => openStore(folder.path)).toThrow(expect.objectContaining({ code: 'DATA_DIR_LOCKED' }));
  await store.close();
  const again = openStore(folder.path);
  await again.close();
});

test('data folder: this process is refused while another one holds it, and takes it over once that was killed', async () => {
  using folder = temporaryFolder();
  await using other = await openInOtherProcess(folder.path);
  expect(other.said).toBe('open');
  expect(() => openStore(folder.path)).toThrow(expect.objectContaining({ code: 'DATA_DIR_LOCKED' }));
  await other.kill();
  expect(existsSync(join(folder.path, 'LOCK'))).toBe(true);
  const store = openStore(folder.path);
  expect(store.read('orders', { counter: 1 }).map((bytes) => Buffer.from(bytes))).toEqual([
    Buffer.from(frame(1, 'from the other process')),
  ]);
  await store.close();
});

test('data folder: of processes that find a dead owner together, one takes the folder over (processes=6)', async () => {
  using folder = temporaryFolder();
  await (await openInOtherProcess(folder.path)).kill();
  const others = await Promise.all(Array.from({ length: 6 }, () => openInOtherProcess(folder.path)));
  try {
    expect(others.map(({ said }) => said).sort()).toEqual([...Array(5).fill('DATA_DIR_LOCKED'), 'open']);
  } finally {
    await Promise.all(others.map((other) => other.kill()));
  }
});

test.runIf(processTimesKnown)(
  'data folder: a lock whose process id went to somebody else is taken over',
  async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'LOCK'), `${process.pid} 1\n`);
    const store = openStore(folder.path);
    await store.close();
  },
);

test.runIf(processTimesKnown)(
  'data folder: a killed owner whose parent never asks for its status holds nothing',
  async () => {
    using folder = temporaryFolder();
    // A shell that goes on after its child was killed, and does not wait for it.
    const program = `process.kill(process.pid, 'SIGKILL')`;
    const parent = spawn('bash', ['-c', `"${process.execPath}" -e "${program}" & echo $!; exec sleep 60`]);
    try {
      const [pid] = await once(createInterface(parent.stdout), 'line');
      await eventually(
        { for: 'the child to be a zombie' },
        () => readFileSync(`/proc/${pid}/stat`, 'utf8'),
        (stat) => stat.includes(') Z '),
      );
      const startTime = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
      writeFileSync(join(folder.path, 'LOCK'), `${pid} ${startTime}\n`);
      await openStore(folder.path).close();
    } finally {
      parent.kill('SIGKILL');
    }
  },
);

test.each(['', 'nonsense', '-1 5', '0 0', '99999999999 1'])(
  'data folder: a lock that names no process is taken over ("%s")',
  async (text) => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'LOCK'), text);
    const store = openStore(folder.path);
    await store.close();
  },
);

test('data folder: another node, an older or newer format and no meta at all are refused before anything is touched, and the lock is freed', async () => {
  using folder = temporaryFolder();
  await openStore(folder.path).close();
  const path = join(folder.path, 'meta.json');
  const meta = JSON.parse(readFileSync(path, 'utf8'));
  const refusalOf = (text: string | undefined, nodeId = 'n1') => {
    if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
    const before = filesOf(folder.path);
    expect(() => openStore(folder.path, { nodeId })).toThrow(
      expect.objectContaining({ code: expectedCode(nodeId) }),
    );
    expect(filesOf(folder.path)).toEqual(before);
    expect(existsSync(join(folder.path, 'LOCK'))).toBe(false);
  };
  const expectedCode = (nodeId: string) => (nodeId === 'n1' ? 'FORMAT_UNKNOWN' : 'BAD_CONFIG');
  refusalOf(JSON.stringify(meta), 'n2');
  refusalOf(JSON.stringify({ ...meta, format: meta.format + 1 }));
  refusalOf(JSON.stringify({ format: meta.format }));
  refusalOf('');
  refusalOf('[]');
  refusalOf(JSON.stringify({ ...meta, format: meta.format - 1 }));
  refusalOf(undefined);
  writeFileSync(path, JSON.stringify(meta));
  const store = openStore(folder.path);
  expect(store.storeId).toBe(meta.storeId);
  await store.close();
});

test('data folder: another cluster secret is refused, and the folder stays as it is', async () => {
  using folder = temporaryFolder();
  const kernel = loadKernel();
  const open = (secret: string) =>
    LmdbStore.open({ dataDir: folder.path, nodeId: 'n1', kernel, secret: Buffer.from(secret) });
  const store = open('the secret of this cluster');
  await store.apply([groupOf('orders', [frame(1)])], []);
  await store.close();
  expect(() => open('quite another secret')).toThrow(
    expect.objectContaining({
      code: 'BAD_CONFIG',
      message: expect.stringMatching(/under another cluster secret/),
    }),
  );
  const again = open('the secret of this cluster');
  expect(again.read('orders', { counter: 1 })).toHaveLength(1);
  await again.close();
});
