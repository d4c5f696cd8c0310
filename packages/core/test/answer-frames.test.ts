// Records by version as a replica answers with them: bounded in bytes, whatever the disk has changed of some.
import { expect, test } from 'vitest';
import { framesOf, PAGE_BYTES_MAX, type RangeStore } from '../src/coordination/answer-range-question.js';
import { encodeFrame, frameVersion } from '../src/record.js';
import { compareVersions, formatVersion, type Version } from '../src/version.js';

const VALUE_BYTES = 64 * 1024;
const RECORDS = 200;
const versions: Version[] = Array.from({ length: RECORDS }, (_, i) => ({
  counter: i + 1,
  origin: '0000000000001',
}));
const frameOf = (version: Version) => encodeFrame({ version, timeMs: 1, value: new Uint8Array(VALUE_BYTES) });

/** As the stores: bytes of a damaged record count, though it is not given out. */
function storeWith(isDamaged: (version: Version) => boolean) {
  let bytesRead = 0;
  const store: Pick<RangeStore, 'list' | 'readVersions'> = {
    readVersions(_, asked, bytesMax) {
      const frames: Uint8Array[] = [];
      let bytes = 0;
      for (const version of asked) {
        if (bytes >= bytesMax) break;
        bytes += VALUE_BYTES;
        bytesRead += VALUE_BYTES;
        if (!isDamaged(version)) frames.push(frameOf(version));
      }
      return frames;
    },
    list: (_, { from, to }) => ({
      entries: new Uint8Array(
        32 *
          versions.filter((one) => compareVersions(one, from) >= 0 && compareVersions(one, to) <= 0).length,
      ),
      truncated: false,
      trimmedTo: 0,
      head: RECORDS,
    }),
  };
  return { store: store as RangeStore, read: () => bytesRead };
}

test.each([0, 1, 5, 40])(
  'frames: answers are bounded where some records are damaged (damaged=%i)',
  (damaged) => {
    const isDamaged = ({ counter }: Version) => counter <= damaged;
    const found: string[] = [];
    const unread: string[] = [];
    for (let at = 0; at < versions.length; ) {
      const { store, read } = storeWith(isDamaged);
      const answer = framesOf(store, 'p', versions.slice(at));
      const bytes = answer.frames.reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThan(PAGE_BYTES_MAX + 2 * VALUE_BYTES);
      // Each damaged one is looked at once more.
      expect(read()).toBeLessThan(3 * PAGE_BYTES_MAX + 2 * damaged * VALUE_BYTES);
      expect(answer.reached).toBeGreaterThan(0);
      found.push(...answer.frames.map((frame) => formatVersion(frameVersion(frame))));
      unread.push(...answer.unread.map(formatVersion));
      at += answer.reached;
    }
    expect(found).toEqual(versions.filter((version) => !isDamaged(version)).map(formatVersion));
    expect(unread).toEqual(versions.filter(isDamaged).map(formatVersion));
  },
);
