/**
 * meta.json: what a data folder is. It is written before anything else and refuses a folder of
 * another format or another node before anything is touched.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type DigestKernel, MendlogError } from '@mendlog/core';
import { z } from 'zod';
import { writeDurably } from './durable-file.js';

export const STORE_FORMAT = 8;

const Meta = z.object({
  format: z.int(),
  nodeId: z.string(),
  storeId: z.string(),
  /** The arrival log that the store id stands for; not there until the log is. */
  logId: z.string().optional(),
  /** Tells the cluster secret that tags are made with from others, and nothing more of it. */
  secretCheck: z.string().optional(),
  /** Why no store opens the folder as it is: it is a backup, or not whole. */
  refusal: z.string().optional(),
});

export type StoreMeta = z.infer<typeof Meta>;

/** Reads the folder's meta, or makes it with a fresh store id. Throws FORMAT_UNKNOWN or BAD_CONFIG. */
export function ensureMeta(dataDir: string, nodeId: string): StoreMeta {
  if (!existsSync(join(dataDir, 'meta.json'))) {
    // Meta is written before a log is made: this one is of a format that nobody knows any more.
    if (existsSync(join(dataDir, 'log', 'data.mdb'))) {
      throw new MendlogError(
        'FORMAT_UNKNOWN',
        `${dataDir} has a log and no meta.json, which says of which format it is: bring that back, or move the log away`,
      );
    }
    const meta: StoreMeta = { format: STORE_FORMAT, nodeId, storeId: randomUUID() };
    writeMeta(dataDir, meta);
    return meta;
  }
  const meta = readMeta(dataDir);
  if (meta.nodeId !== nodeId) {
    throw new MendlogError('BAD_CONFIG', `${dataDir} belongs to node ${meta.nodeId}, not to ${nodeId}`);
  }
  return meta;
}

/** The meta of a folder that a store may open. Throws FORMAT_UNKNOWN, or BAD_CONFIG where there is none. */
export function readMeta(dataDir: string): StoreMeta {
  const path = join(dataDir, 'meta.json');
  if (!existsSync(path))
    throw new MendlogError('BAD_CONFIG', `${dataDir} is no data folder of a node: it has no meta.json`);
  const meta = parse(path);
  if (meta.format !== STORE_FORMAT) {
    throw new MendlogError(
      'FORMAT_UNKNOWN',
      `${dataDir} has store format ${meta.format}, and this version of Mendlog knows format ${STORE_FORMAT}`,
    );
  }
  if (meta.refusal !== undefined) throw new MendlogError('BAD_CONFIG', `${dataDir} ${meta.refusal}`);
  return meta;
}

/**
 * Throws BAD_CONFIG where a folder was written under another secret: every record would look as if the disk
 * had changed it, and what is written would look so to all other nodes. Returns what tells this one from others.
 */
export function checkSecret(
  dataDir: string,
  known: string | undefined,
  { kernel, secret }: { kernel: DigestKernel; secret: Uint8Array },
): string {
  const key = kernel.deriveKey('mendlog 2026-11 secret check v1', secret);
  const secretCheck = Buffer.from(key.subarray(0, 16)).toString('hex');
  if (known !== undefined && known !== secretCheck)
    throw new MendlogError('BAD_CONFIG', `${dataDir} was written under another cluster secret: use that one`);
  return secretCheck;
}

/** The meta of a folder with this secret. Throws BAD_CONFIG where it has another one. */
export function metaOfSecret(
  dataDir: string,
  meta: StoreMeta,
  key: { kernel: DigestKernel; secret: Uint8Array },
): StoreMeta {
  const secretCheck = checkSecret(dataDir, meta.secretCheck, key);
  if (meta.secretCheck === secretCheck) return meta;
  const bound = { ...meta, secretCheck };
  writeMeta(dataDir, bound);
  return bound;
}

/** Throws LOG_DAMAGED where the folder had a log, and has none any more. */
export function checkLogIsThere(dataDir: string, { logId }: StoreMeta): void {
  const folder = join(dataDir, 'log');
  const path = join(folder, 'data.mdb');
  if (logId === undefined || (existsSync(path) && statSync(path).size > 0)) return;
  // Something else of that name says that it is another folder that is wrong: opening it tells.
  if (existsSync(folder) && !statSync(folder).isDirectory()) return;
  throw new MendlogError('LOG_DAMAGED', `the log in ${dataDir} is gone: there is nothing in ${path}`);
}

/** Throws LOG_DAMAGED where the log is not the one that the folder had. */
export function checkLogIsSame(dataDir: string, meta: StoreMeta, logId: string): void {
  if (meta.logId === undefined || meta.logId === logId) return;
  throw new MendlogError('LOG_DAMAGED', `the log in ${dataDir} is another one than the store was made with`);
}

/**
 * The meta of a folder with this log. The store id stands for what a store has acknowledged: one that has lost
 * a part of its log goes on under a new one.
 */
export function metaOfLog(
  dataDir: string,
  meta: StoreMeta,
  { logId, isPartLost }: { logId: string; isPartLost: boolean },
): StoreMeta {
  if (meta.logId === logId && !isPartLost) return meta;
  const bound = { ...meta, logId, storeId: isPartLost ? randomUUID() : meta.storeId };
  writeMeta(dataDir, bound);
  return bound;
}

/** What tells the secret of a folder from others; also of one that no store may open. */
export function secretCheckOf(dataDir: string): string | undefined {
  return parse(join(dataDir, 'meta.json')).secretCheck;
}

export function writeMeta(dataDir: string, meta: StoreMeta): void {
  writeDurably(join(dataDir, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`);
}

function parse(path: string): StoreMeta {
  try {
    return Meta.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new MendlogError('FORMAT_UNKNOWN', `${path} is not the description of a Mendlog data folder`, {
      cause,
    });
  }
}
