/** A client's scan: page after page to the end of its range, in either order. */
import {
  decodeFrame,
  type RangeOutcome,
  VERSION_HIGHEST,
  type Version,
  type VersionRange,
} from '@mendlog/core';
import type { ScannedRecord } from '../checkers/scan-judge.js';
import type { Answer } from '../world/network.js';

export interface ScanPlan {
  readonly from: Version;
  readonly pageRecords: number;
  readonly descending: boolean;
}

export interface Scanned {
  /** In the order of versions. */
  readonly records: readonly ScannedRecord[];
  readonly pages: number;
}

/** A scan that is longer is given up. */
const PAGES_MAX = 400;

const decoder = new TextDecoder();

/** Calls back once: with undefined where a page could not be read. */
export function walkScan(
  { from, pageRecords, descending }: ScanPlan,
  readPage: (range: VersionRange, answer: (answer: Answer<RangeOutcome>) => void) => void,
  ended: (scanned: Scanned | undefined) => void,
): void {
  const records: ScannedRecord[] = [];
  const walk = (range: VersionRange, pages: number) => {
    readPage(range, (answer) => {
      if (!answer.ok || pages > PAGES_MAX) {
        ended(undefined);
        return;
      }
      const { frames, next } = answer.value;
      for (const frame of frames) {
        const { version, key, value, tombstone } = decodeFrame(frame);
        if (!tombstone) records.push({ version, key: key ?? null, value: decoder.decode(value) });
      }
      if (next !== undefined) walk(descending ? { ...range, to: next } : { ...range, from: next }, pages + 1);
      else ended({ records: descending ? records.reverse() : records, pages });
    });
  };
  walk({ from, to: VERSION_HIGHEST, limit: pageRecords, descending }, 1);
}
