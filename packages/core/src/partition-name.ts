/** Partition names: part of URLs, file names and metrics, hence one conservative alphabet. */
import { MendlogError } from './errors.js';

/** Not `.` and `..`, which no URL can name. */
export const PARTITION_NAME_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/;

/** Throws BAD_REQUEST for a name outside the alphabet. */
export function checkPartitionName(name: string): void {
  if (PARTITION_NAME_PATTERN.test(name)) return;
  throw new MendlogError(
    'BAD_REQUEST',
    'a partition name has 1 to 200 of the characters A-Z a-z 0-9 . _ - and is not . or ..',
  );
}
