/**
 * What replicas are asked of ranges of one partition, and what they answer. A page is records themselves; a digest
 * is a few bytes that are equal where the records are; a listing says which records there are without their values.
 */
import type { Listing, VersionRange } from '../protocol/listing.js';
import type { Version } from '../version.js';

export type RangeQuestion = { readonly partition: string } & (
  | { readonly ask: 'pages' | 'digests' | 'listings'; readonly ranges: readonly VersionRange[] }
  | { readonly ask: 'frames'; readonly versions: readonly Version[] }
);

/** In the order of what was asked for. Of pages as many are answered as fit one answer, the first one always. */
export type RangeAnswer =
  | { readonly ask: 'pages'; readonly pages: readonly RangePage[] }
  | { readonly ask: 'digests'; readonly digests: readonly RangeDigest[] }
  | { readonly ask: 'listings'; readonly listings: readonly Listing[] }
  | ({ readonly ask: 'frames' } & AnsweredFrames);

/** The records that a replica holds in a range. */
export interface RangeDigest {
  /** The sum of their tags and their count, 24 bytes. */
  readonly row: Uint8Array;
  /** There are more than the range asks for. */
  readonly truncated: boolean;
  /** The trim watermark: what lies at or below it is not among them. */
  readonly trimmedTo: number;
  /** The highest counter that the replica has stored or was trimmed to. */
  readonly head: number;
}

export interface RangePage {
  /** In the order of the range; a record that the disk has changed is not among them. */
  readonly frames: readonly Uint8Array[];
  /** More follow: the page proves nothing beyond its last record. */
  readonly truncated: boolean;
  /** Of what the page proves, damaged records included. */
  readonly digest: RangeDigest;
}

export interface AnsweredFrames {
  readonly frames: readonly Uint8Array[];
  /** Versions that the replica holds, and whose bytes it cannot give. */
  readonly unread: readonly Version[];
  /** How many of the versions this is about, from the first on: an answer has room for so many. */
  readonly reached: number;
}
