/** What sessions make of a store: symbols of its segments, and the records behind items. */
import { answerItems } from '../anti-entropy/answer-items.js';
import { answerSymbols, type HeldRecords, heldRecords } from '../anti-entropy/answer-symbols.js';
import { CELL_BYTES } from '../digest/kernel.js';
import { DIGEST_LAYOUT, rowIndexOf } from '../digest/layout.js';
import { SketchDecoder } from '../digest/sketch-decoder.js';
import { LIMITS } from '../limits.js';
import type { RecordItem } from '../protocol/record-items.js';
import { frameVersion } from '../record.js';
import { expectEqual } from './expect.js';
import { counters, countersOf, frame, groupOf, keyedFrame, version } from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import type { StoreCase } from './store-engine.js';

const SEGMENT = DIGEST_LAYOUT.segmentSize;
const SYMBOLS = 40;

export const SESSION_CASES: readonly StoreCase[] = [
  storeCase('store: symbols of some segments are those of the records that lie in them', async (opened) => {
    const frames = [
      ...counters(SEGMENT - 3, SEGMENT + 2).map((counter) => frame(counter, `v${counter}`)),
      frame(SEGMENT, 'of another origin', 2),
      ...counters(3 * SEGMENT, 3 * SEGMENT + 4).map((counter) => frame(counter, `v${counter}`)),
    ];
    await opened.apply('orders', frames.slice(4));
    await opened.apply('orders', frames.slice(0, 4));
    await opened.inEachState(() => {
      expectHeld(opened, [{ from: 0, to: 0 }], frames.slice(0, 3));
      const inFirst = [...frames.slice(3, 4), ...frames.slice(6, 7), ...frames.slice(4, 6)];
      expectHeld(opened, [{ from: 1, to: 2 }], inFirst);
      expectHeld(
        opened,
        [
          { from: 0, to: 0 },
          { from: 3, to: 9 },
        ],
        [...frames.slice(0, 3), ...frames.slice(7)],
      );
      expectHeld(opened, [{ from: 2, to: 2 }], []);
      expectHeld(opened, [{ from: 4, to: rowIndexOf(Number.MAX_SAFE_INTEGER, 0) }], []);
    });
  }),

  storeCase('store: a sketch is made of what is held, and of no more than its limit', async (opened) => {
    const made = counters(1, LIMITS.sketchRecordsMax + 1).map((counter) => frame(counter));
    const segments = [{ from: 0, to: rowIndexOf(made.length, 0) }];
    for (let at = 0; at < made.length - 1; at += LIMITS.batchRecordsMax)
      await opened.apply('orders', made.slice(at, Math.min(at + LIMITS.batchRecordsMax, made.length - 1)));
    const whole = heldIn(opened, segments);
    expectEqual(whole?.counters.length, LIMITS.sketchRecordsMax, 'records of a sketch');
    await opened.apply('orders', made.slice(-1));
    expectEqual(heldIn(opened, segments), undefined, 'records of a sketch that are too many');
    const question = { partition: 'orders', segments, first: 0, symbols: 16 };
    expectEqual(
      inOneTurn(answerSymbols(opened.store, opened.engine.kernel, question)),
      undefined,
      'symbols of too many',
    );
  }),

  storeCase('store: items lead to the records that they name, as long as these are held', async (opened) => {
    const frames = [
      ...counters(1, 60).map((counter) => frame(counter, `v${counter}`)),
      frame(30, 'of another origin', 2),
      keyedFrame(version(70), 'old', { key: 'apple' }),
    ];
    await opened.apply('orders', frames);
    const items = frames.map((bytes) => itemOf(opened, bytes));
    const gone = items.at(-1) as RecordItem;
    await opened.inEachState(() => {
      const order = [60, 2, 0, 29, 1, 30];
      const { frames: found, ...rest } = answerItems(
        opened.store,
        'orders',
        order.map((place) => items[place] as RecordItem),
      );
      expectEqual(
        [...found],
        order.map((place) => frames[place]),
        'frames',
      );
      expectEqual(rest, { answered: 6, vanished: 0 }, 'answer');
    });
    await opened.apply('orders', [keyedFrame(version(71), 'new', { key: 'apple' })]);
    await opened.store.trim('orders', 20);
    await opened.inEachState(() => {
      const strange = { counter: 25, tagPrefix: new Uint8Array(8).fill(1) };
      const asked = [items[4], items[24], gone, strange, items[59]] as RecordItem[];
      const { frames: found, ...rest } = answerItems(opened.store, 'orders', asked);
      expectEqual(countersOf(found), [25, 60], 'counters of what is held still');
      expectEqual(rest, { answered: 5, vanished: 3 }, 'answer');
      expectEqual(
        answerItems(opened.store, 'nothing', asked),
        { frames: [], answered: 5, vanished: 5 },
        'answer of an unknown partition',
      );
    });
  }),

  storeCase(
    'store: items are answered as far as a message goes, and the others when they are asked for',
    async (opened) => {
      const value = 'x'.repeat(700_000);
      const frames = counters(1, 8).map((counter) => frame(counter, value));
      await opened.store.apply([groupOf('orders', frames)], []);
      const unknown = { counter: 2, tagPrefix: new Uint8Array(8) };
      let open = [unknown, ...frames.map((bytes) => itemOf(opened, bytes)), unknown];
      const found: Uint8Array[] = [];
      let vanished = 0;
      for (let calls = 0; open.length > 0; calls++) {
        if (calls > 8) throw new Error('items are not answered to the end');
        const answer = answerItems(opened.store, 'orders', open);
        found.push(...answer.frames);
        vanished += answer.vanished;
        open = open.slice(answer.answered);
      }
      expectEqual(countersOf(found), counters(1, 8), 'counters of all answers');
      expectEqual(vanished, 2, 'vanished');
    },
  ),
];

function heldIn({ store }: OpenedStore, segments: readonly { from: number; to: number }[]) {
  return inOneTurn(heldRecords(store, { partition: 'orders', segments }));
}

/** What is read is what is expected, and the symbols of both differ in nothing. */
function expectHeld(
  opened: OpenedStore,
  segments: readonly { from: number; to: number }[],
  frames: readonly Uint8Array[],
): void {
  const what = `segments ${JSON.stringify(segments)}`;
  const held: HeldRecords = heldIn(opened, segments) ?? {
    counters: new Float64Array(0),
    tags: new Uint8Array(1),
  };
  const tags = frames.flatMap((bytes) => [...opened.tagOf('orders', bytes)]);
  expectEqual([...held.counters], countersOf(frames), `counters of ${what}`);
  expectEqual([...held.tags], tags, `tags of ${what}`);
  const { kernel } = opened.engine;
  const decoder = new SketchDecoder(kernel, { symbolsMax: SYMBOLS });
  for (const [first, symbols] of [
    [0, 1],
    [1, SYMBOLS - 1],
  ] as const) {
    const question = { partition: 'orders', segments, first, symbols };
    const answer = inOneTurn(answerSymbols(opened.store, kernel, question));
    const cells = new Uint8Array(symbols * CELL_BYTES);
    kernel.addToSketch(cells, first, held.counters, held.tags, 1);
    decoder.push(answer?.message ?? new Uint8Array(0), cells);
    const row = new Uint8Array(answer?.row.length ?? 0);
    kernel.addTags(row, new Uint32Array(frames.length), held.tags, 1);
    expectEqual(answer?.row, row, `row of ${what}`);
  }
  expectEqual({ complete: decoder.complete, items: decoder.items() }, { complete: true, items: [] }, what);
}

function itemOf(opened: OpenedStore, bytes: Uint8Array): RecordItem {
  return { counter: frameVersion(bytes).counter, tagPrefix: opened.tagOf('orders', bytes).subarray(0, 8) };
}

function inOneTurn<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
  }
}
