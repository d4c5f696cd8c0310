// What a replica says of ranges: pages and digests that fit together, and answers that fit a message.
import { describe, expect, test } from 'vitest';
import {
  answerRangeQuestion,
  framesOf,
  PAGE_BYTES_MAX,
  pagesOf,
  provenRange,
} from '../../src/coordination/answer-range-question.js';
import { LIMITS } from '../../src/limits.js';
import { packItems } from '../../src/protocol/packed.js';
import { encodeFrame, frameVersion } from '../../src/record.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import { utf8, version } from '../bytes.js';
import { oracleKernel } from '../oracle-kernel.js';
import { EVERYTHING } from './held-range-ports.js';

const record = (counter: number, value = '') =>
  encodeFrame({ version: version(counter), timeMs: 1, value: utf8(value) });

function storeOf(...frames: Uint8Array[]): MemoryStore {
  const tagKey = new Uint8Array(32).fill(3);
  const store = new MemoryStore({ storeId: 's', kernel: oracleKernel, tagKeyOf: () => tagKey });
  store.applyNow([packItems('p', frames)], []);
  return store;
}

const countersOf = (frames: readonly Uint8Array[]) => frames.map((frame) => frameVersion(frame).counter);

describe('range answers', () => {
  test('range answers: the digest of a page is that of the range it proves, in either order', () => {
    const store = storeOf(...[1, 2, 3, 4, 5].map((counter) => record(counter)));
    for (const descending of [false, true]) {
      const range = { ...EVERYTHING, limit: 2, descending };
      const [page] = pagesOf(store, oracleKernel, { partition: 'p', ranges: [range] });
      if (page === undefined) throw new Error('there is no page');
      expect(countersOf(page.frames)).toEqual(descending ? [5, 4] : [1, 2]);
      expect(page.truncated).toBe(true);
      const proven = provenRange(range, page);
      const other = storeOf(...page.frames, record(3));
      const question = { ask: 'digests', partition: 'p', ranges: [proven] } as const;
      const answer = answerRangeQuestion(other, oracleKernel, question);
      expect(answer.ask === 'digests' && answer.digests[0]?.row).toEqual(page.digest.row);
      const more = answerRangeQuestion(storeOf(...page.frames, record(3)), oracleKernel, {
        ...question,
        ranges: [{ ...EVERYTHING, limit: proven.limit }],
      });
      expect(more.ask === 'digests' && more.digests[0]?.truncated).toBe(true);
    }
  });

  test('range answers: pages of so many ranges as fit, one at least (by bytes, by records)', () => {
    const large = 'x'.repeat(LIMITS.valueBytesMax);
    const store = storeOf(...[1, 2, 3, 4].map((counter) => record(counter, large)));
    const ranges = [1, 2, 3, 4].map((counter) => ({
      from: version(counter),
      to: version(counter),
      limit: 1,
    }));
    expect(pagesOf(store, oracleKernel, { partition: 'p', ranges })).toHaveLength(2);
    const [whole] = pagesOf(store, oracleKernel, { partition: 'p', ranges: [EVERYTHING] });
    expect(countersOf(whole?.frames ?? [])).toEqual([1, 2]);
    const small = storeOf(...Array.from({ length: 3000 }, (_, i) => record(i + 1)));
    const twice = [{ ...EVERYTHING, limit: 3000 }, { ...EVERYTHING, limit: 3000 }, EVERYTHING];
    const pages = pagesOf(small, oracleKernel, { partition: 'p', ranges: twice });
    expect(pages.map(({ frames }) => frames.length)).toEqual([3000, LIMITS.batchRecordsMax - 3000]);
    expect(pages[1]?.truncated).toBe(true);
  });

  test('range answers: of records asked for by version, those that are held and cannot be read are named', () => {
    const store = storeOf(record(1), record(2), record(3));
    const spoilt = {
      list: store.list.bind(store),
      readRange: store.readRange.bind(store),
      readVersions: (...[partition, versions, bytesMax]: Parameters<MemoryStore['readVersions']>) =>
        store
          .readVersions(partition, versions, bytesMax)
          .filter((frame) => frameVersion(frame).counter !== 2),
    };
    const versions = [1, 2, 3, 4].map((counter) => version(counter));
    const { frames, unread, reached } = framesOf(spoilt, 'p', versions);
    expect(countersOf(frames)).toEqual([1, 3]);
    expect(unread).toEqual([version(2)]);
    expect(reached).toBe(4);
  });

  test('range answers: of records that do not fit one answer, it says how many it is about', () => {
    const large = 'x'.repeat(PAGE_BYTES_MAX / 2);
    const store = storeOf(...[1, 2, 4, 5].map((counter) => record(counter, large)));
    const versions = [1, 2, 3, 4, 5].map((counter) => version(counter));
    const { frames, unread, reached } = framesOf(store, 'p', versions);
    expect(countersOf(frames)).toEqual([1, 2]);
    expect(unread).toEqual([]);
    expect(reached).toBe(2);
  });
});
