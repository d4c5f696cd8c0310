/**
 * manifest.json: what a backup holds, written last. A folder without one is no backup, whatever else is
 * in it: so one that was cut short is never taken for a whole one.
 *
 * It ends with the SHA-256 of everything before, which tells a disk's mistakes and not an attacker's.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';
import { z } from 'zod';
import { writeDurably } from '../storage/durable-file.js';
import { STORE_FORMAT } from '../storage/meta.js';

export const MANIFEST_FILE = 'manifest.json';
const FORMAT = 1;

const Count = z.int().min(0);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The paths that a backup has, and no others: a manifest must not lead out of its folder. */
const FilePath = z.string().regex(/^(?:meta\.json|(?:log|index\/[0-9a-f-]{36})\/data\.mdb)$/);

const File = z.strictObject({ path: FilePath, bytes: Count, sha256: Sha256 });

const Partition = z.strictObject({
  name: z.string(),
  records: Count,
  /** Of their frames. */
  bytes: Count,
  head: Count,
  trimmedTo: Count,
  /** The sum of all digest rows, in hex. */
  root: z.string().regex(/^[0-9a-f]{48}$/),
});

const Manifest = z.strictObject({
  format: z.literal(FORMAT),
  storeFormat: z.int(),
  nodeId: z.string(),
  /** Of the store that was backed up. */
  storeId: z.string(),
  logId: z.string(),
  /** ISO 8601. */
  madeAt: z.string(),
  files: z.array(File),
  partitions: z.array(Partition),
});

export type BackupManifest = Readonly<z.infer<typeof Manifest>>;
export type BackedUpFile = Readonly<z.infer<typeof File>>;
export type BackedUpPartition = Readonly<z.infer<typeof Partition>>;

const Versioned = z.looseObject({ format: z.int() });
const Sealed = z.looseObject({ sha256: Sha256 });

export function writeManifest(
  folder: string,
  facts: Omit<BackupManifest, 'format' | 'storeFormat'>,
): BackupManifest {
  const manifest: BackupManifest = { format: FORMAT, storeFormat: STORE_FORMAT, ...facts };
  const sealed = { ...manifest, sha256: sha256Of(manifest) };
  writeDurably(join(folder, MANIFEST_FILE), `${JSON.stringify(sealed, null, 2)}\n`);
  return manifest;
}

/** Throws BACKUP_INVALID, or FORMAT_UNKNOWN where another version of Mendlog made the backup. */
export function readManifest(folder: string): BackupManifest {
  const path = join(folder, MANIFEST_FILE);
  if (!existsSync(path)) {
    throw new MendlogError(
      'BACKUP_INVALID',
      `${folder} is no backup, or one that was cut short: it has no ${MANIFEST_FILE}`,
    );
  }
  const content = parsed(path);
  const { format } = checked(Versioned, content, path);
  if (format !== FORMAT) throw unknownFormat(folder, { what: 'backup', format, known: FORMAT });
  const { sha256, ...manifest } = checked(Sealed, content, path);
  if (sha256 !== sha256Of(manifest)) throw damaged(path);
  const { storeFormat } = checked(Manifest, manifest, path);
  if (storeFormat !== STORE_FORMAT)
    throw unknownFormat(folder, { what: 'store', format: storeFormat, known: STORE_FORMAT });
  return checked(Manifest, manifest, path);
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw damaged(path, cause);
  }
}

function checked<Output>(schema: z.ZodType<Output>, content: unknown, path: string): Output {
  const result = schema.safeParse(content);
  if (!result.success) throw damaged(path, result.error);
  return result.data;
}

function sha256Of(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function damaged(path: string, cause?: unknown): MendlogError {
  return new MendlogError('BACKUP_INVALID', `${path} is not as it was written: take another backup`, {
    cause,
  });
}

function unknownFormat(
  folder: string,
  { what, format, known }: { what: string; format: number; known: number },
): MendlogError {
  return new MendlogError(
    'FORMAT_UNKNOWN',
    `${folder} has ${what} format ${format}, and this version of Mendlog knows format ${known}`,
  );
}
