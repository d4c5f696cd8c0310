/** `mendlog export`: a partition as lines of JSON, on standard output or in a file. */
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { MendlogError } from '@mendlog/core';
import { exportPartition } from '@mendlog/node/backup';
import { Narrator } from './narrator.js';
import { type FolderOptions, openStoppedNode } from './stopped-node.js';
import { counted } from './words.js';

export interface ExportCommandOptions extends FolderOptions {
  readonly partition: string;
  readonly to?: string;
}

type Write = (chunk: string) => Promise<void>;

export async function runExport(options: ExportCommandOptions, signal: AbortSignal): Promise<number> {
  const { partition, to } = options;
  await using node = openStoppedNode(options);
  const narrator = new Narrator(process.stderr);
  let records = 0;
  const lines = exportPartition(node.store, partition, {
    onProgress: (count) => {
      records = count;
      narrator.progress(`${counted(count, 'record')} of ${partition}`);
    },
  });
  await writingTo(to, signal, async (write) => {
    for await (const chunk of lines) {
      signal.throwIfAborted();
      await write(chunk);
    }
  });
  narrator.say(`${counted(records, 'record')} of ${partition} exported`);
  return 0;
}

/** A file is made anew, and flushed at the end. What fails leaves it without its last line, as a cut one. */
async function writingTo(
  path: string | undefined,
  signal: AbortSignal,
  work: (write: Write) => Promise<void>,
): Promise<void> {
  if (path === undefined) {
    await work(async (chunk) => {
      if (!process.stdout.write(chunk)) await once(process.stdout, 'drain', { signal });
    });
    return;
  }
  const file = await newFile(path);
  try {
    await work(async (chunk) => void (await file.writeFile(chunk)));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx');
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const why = isThere ? 'it is there already, and nothing is written over' : String(cause);
    throw new MendlogError('BAD_CONFIG', `cannot write the file ${path}: ${why}`, { cause });
  }
}
