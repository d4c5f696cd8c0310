// The vectors of keys, tags and rows as checks.
import {
  type BytesText,
  bytesOf,
  type Case,
  expectEqual,
  expectUntouched,
  hex,
  type Refusable,
  untouched,
  wentThrough,
} from './cases.js';

/** The vectors of each call; an answer is absent where `error` is present. */
export interface DigestVectors {
  deriveKey: Refusable & { context: string; material: BytesText; key: string };
  tags: Refusable & {
    key: BytesText;
    frames: BytesText[];
    ends: number[];
    tagsOutLength: number;
    tagsOut?: string;
  };
  groupTags: Refusable & {
    keys: BytesText[];
    groupEnds: number[];
    frames: BytesText[];
    ends: number[];
    tagsOutLength: number;
    tagsOut?: string;
  };
  addTags: Refusable & { rows: BytesText; rowOf: number[]; tags: BytesText; sign: 1 | -1; rowsOut?: string };
  sumRows: Refusable & { rows: BytesText; rowOutLength: number; rowOut?: string };
  diffRows: Refusable & { left: BytesText; right: BytesText; capacity: number; indexes?: number[] };
  foldRows: Refusable & { indexedRows: BytesText; span: number; rows: BytesText; rowsOut?: string };
}

const UNTOUCHED_INDEX = -1;

const joined = (parts: readonly BytesText[]) => Uint8Array.from(parts.flatMap((part) => [...bytesOf(part)]));

export const digestCases: {
  [Call in keyof DigestVectors]: (vector: DigestVectors[Call]) => Case['check'];
} = {
  deriveKey: (vector) => (kernel) => {
    expectEqual(hex(kernel.deriveKey(vector.context, bytesOf(vector.material))), vector.key);
  },

  tags: (vector) => (kernel) => {
    const frames = joined(vector.frames);
    const out = untouched(vector.tagsOutLength);
    const through = wentThrough(vector.error, () =>
      kernel.tags(bytesOf(vector.key), frames, Uint32Array.from(vector.ends), out),
    );
    if (through) expectEqual(hex(out), vector.tagsOut);
    else expectUntouched(out);
  },

  groupTags: (vector) => (kernel) => {
    const groupEnds = Uint32Array.from(vector.groupEnds);
    const out = untouched(vector.tagsOutLength);
    const through = wentThrough(vector.error, () =>
      kernel.groupTags(
        joined(vector.keys),
        groupEnds,
        joined(vector.frames),
        Uint32Array.from(vector.ends),
        out,
      ),
    );
    if (through) expectEqual(hex(out), vector.tagsOut);
    else expectUntouched(out);
  },

  addTags: (vector) => (kernel) => {
    const rows = bytesOf(vector.rows);
    const through = wentThrough(vector.error, () =>
      kernel.addTags(rows, Uint32Array.from(vector.rowOf), bytesOf(vector.tags), vector.sign),
    );
    expectEqual(hex(rows), through ? vector.rowsOut : hex(bytesOf(vector.rows)));
  },

  sumRows: (vector) => (kernel) => {
    const out = untouched(vector.rowOutLength);
    const through = wentThrough(vector.error, () => kernel.sumRows(bytesOf(vector.rows), out));
    if (through) expectEqual(hex(out), vector.rowOut);
    else expectUntouched(out);
  },

  diffRows: (vector) => (kernel) => {
    const out = new Float64Array(vector.capacity).fill(UNTOUCHED_INDEX);
    let found = 0;
    const through = wentThrough(vector.error, () => {
      found = kernel.diffRows(bytesOf(vector.left), bytesOf(vector.right), out);
    });
    if (through) expectEqual([...out.subarray(0, found)], vector.indexes);
    expectEqual(
      out.subarray(found).every((index) => index === UNTOUCHED_INDEX),
      true,
    );
  },

  foldRows: (vector) => (kernel) => {
    const rows = bytesOf(vector.rows);
    const through = wentThrough(vector.error, () =>
      kernel.foldRows(bytesOf(vector.indexedRows), vector.span, rows),
    );
    expectEqual(hex(rows), through ? vector.rowsOut : hex(bytesOf(vector.rows)));
  },
};
