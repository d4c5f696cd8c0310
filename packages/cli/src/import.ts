/** `mendlog import`: brings an exported partition into the store of a node that does not run. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { MendlogError } from '@mendlog/core';
import { importPartition } from '@mendlog/node/backup';
import { Narrator } from './narrator.js';
import { type FolderOptions, openStoppedNode } from './stopped-node.js';
import { whyUnreadable } from './why-unreadable.js';
import { counted } from './words.js';

export interface ImportCommandOptions extends FolderOptions {
  readonly partition?: string;
}

export async function runImport(
  path: string | undefined,
  options: ImportCommandOptions,
  signal: AbortSignal,
): Promise<number> {
  const input = path === undefined ? process.stdin : await opened(path);
  await using node = openStoppedNode(options);
  const narrator = new Narrator(process.stderr);
  const { partition, records, added, trimmedTo, fencedTo } = await importPartition(
    node.store,
    addAbortSignal(signal, input),
    {
      partition: options.partition,
      onProgress: (count) => narrator.progress(`${counted(count, 'record')} read`),
    },
  );
  narrator.clear();
  const leftOut = [
    trimmedTo > 0 ? `; what lies at or below ${trimmedTo} is trimmed here and was left out` : '',
    fencedTo > 0 ? `; new records at or below ${fencedTo} come too late (FENCED) and were left out` : '',
  ].join('');
  process.stdout.write(
    `${counted(records, 'record')} of ${partition} read, ${added} of them new${leftOut}\n`,
  );
  return 0;
}

async function opened(path: string): Promise<Readable> {
  const stream = createReadStream(path);
  try {
    await once(stream, 'ready');
    // A folder can be opened, and not read.
    await once(stream, 'readable');
    return stream;
  } catch (cause) {
    throw new MendlogError('BAD_CONFIG', `cannot read the export ${path}: ${whyUnreadable(cause)}`, {
      cause,
    });
  }
}
