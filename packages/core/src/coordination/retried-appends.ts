/**
 * Appends that are made again: the first retry looks its key up at a read quorum, and what it finds is
 * completed, which is to say that enough replicas hold it before it is acknowledged. Where nothing is found, and at
 * every later attempt, the record is written anew; of the records of one append key the highest attempt stays.
 */
import type { Level } from '../consistency.js';
import type { PackedGroup } from '../protocol/packed.js';
import { frameHasKey, frameKey, frameKeyAt } from '../record.js';
import type { KeyQuestion } from './key-read-ports.js';

/** The question to ask first, where a group is the first retry of an append. */
export function retryQuestion(group: PackedGroup): KeyQuestion | undefined {
  if (group.ends.length !== 1) return undefined;
  const draft = group.bytes;
  // Nearly all are no retries: their key is not copied.
  if (!frameHasKey(draft) || frameKeyAt(draft, 0).attempt !== 1) return undefined;
  const { key } = frameKey(draft) ?? {};
  return key && { partition: group.partition, key };
}

/** What has been found is to be on so many replicas before it is acknowledged. */
export function completionLevel(replicas: number): Level {
  return { r: replicas, w: replicas };
}
