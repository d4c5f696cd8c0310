// The history format: what is written is read again, and what is not as documented is refused with its line.
import { LIMITS } from '@mendlog/core';
import { Seeded } from '@mendlog/core/conformance';
import { describe, expect, test } from 'vitest';
import { encodeLine } from '../src/history/encode-line.js';
import { HistoryCollector } from '../src/history/history.js';
import { HISTORY_LIMITS, type HistoryLine } from '../src/history/history-line.js';
import { parseLine } from '../src/history/parse-line.js';
import { type ReadOptions, readHistory } from '../src/history/read-history.js';
import { finalOf, madeHistory, operationOf } from './made-operations.js';
import { seedOf } from './seed-of.js';
import { simulatedHistory } from './simulated-register.js';

const PUT = {
  client: 1,
  op: 'put',
  partition: 'p1',
  key: 'k',
  value: 'v',
  version: '1042-0k3v9x2m7q1ab',
  start: 10,
  end: 20,
  outcome: 'ok',
};
const FINAL = { op: 'final', partition: 'p1', records: [['1042-0k3v9x2m7q1ab', 'v']] };

async function read(text: string | Uint8Array, options: ReadOptions & { chunkBytes?: number } = {}) {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const size = options.chunkBytes ?? bytes.length;
  const chunks = Array.from({ length: size === 0 ? 0 : Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  return await readHistory(chunks, options);
}

const linesOf = (lines: readonly HistoryLine[]) => lines.map((line) => `${encodeLine(line)}\n`).join('');

describe('history line', () => {
  test('history line: golden text, since other programs read it', () => {
    expect(encodeLine(operationOf('put a 10..20 @7 #1'))).toBe(
      '{"client":1,"op":"put","partition":"p1","key":"k","value":"a","version":"7-0000000000001","start":10,"end":20,"outcome":"ok"}',
    );
    expect(encodeLine(operationOf('append? a 10.. #2'))).toBe(
      '{"client":2,"op":"append","partition":"p1","key":null,"value":"a","version":null,"start":10,"end":null,"outcome":"unknown"}',
    );
    expect(encodeLine(finalOf('a@1', 'b@2'))).toBe(
      '{"op":"final","partition":"p1","records":[["1-0000000000001","a"],["2-0000000000001","b"]]}',
    );
  });

  test.each([
    ['not JSON', '{"client":1', 'it is not JSON'],
    ['nothing', '', 'it is not JSON'],
    ['an array', '[]', 'it is not a JSON object'],
    ['null', 'null', 'it is not a JSON object'],
  ])('history line: what is no object is refused (%s)', (_, text, message) => {
    expect(() => parseLine(text)).toThrow(expect.objectContaining({ code: 'MALFORMED', message }));
  });

  test.each<[Record<string, unknown>, string]>([
    [{ op: 'read' }, '"op" is put, get, delete, append or final, not "read"'],
    [{ client: -1 }, '"client" is an integer from 0 to 2^53 - 1, not -1'],
    [{ client: '1' }, '"client" is an integer from 0 to 2^53 - 1, not "1"'],
    [{ start: 1.5 }, '"start" is an integer from 0 to 2^53 - 1, not 1.5'],
    [{ end: 2 ** 53 }, '"end" is an integer from 0 to 2^53 - 1, not 9007199254740992'],
    [{ end: 9 }, '"end" is before "start"'],
    [{ end: null }, '"end" is null only where "outcome" is unknown'],
    [{ outcome: 'maybe' }, '"outcome" is ok, fail or unknown, not "maybe"'],
    [{ partition: 'a/b' }, expect.stringMatching(/^"partition": a partition name has /)],
    [{ partition: 1 }, '"partition" is text, not 1'],
    [{ key: '' }, expect.stringMatching(/^"key": a key is text of /)],
    [{ key: 1 }, '"key" is text or null, not 1'],
    [{ key: null }, 'a put has a "key"'],
    [{ op: 'append' }, 'an append has a "key" of null'],
    [{ op: 'append', key: null, version: null }, 'an append that is ok has a "version"'],
    [{ op: 'delete' }, 'a delete has a "value" of null'],
    [
      { op: 'get', outcome: 'fail', version: null },
      'a get that is not ok has a "value" of null: it returned none',
    ],
    [{ value: null }, 'a put has a "value"'],
    [{ value: {} }, '"value" is text, not {}'],
    [{ outcome: 'unknown' }, '"version" is null where the outcome is not ok'],
    [{ version: '1042' }, '"version" is a version such as 1042-0k3v9x2m7q1ab, not "1042"'],
    [{ version: 1042 }, '"version" is a version such as 1042-0k3v9x2m7q1ab, not 1042'],
    [{ note: 'x' }, '"note" is no field of it'],
  ])('history line: an operation that is not as documented is refused (%j)', (change, message) => {
    expect(() => parseLine(JSON.stringify(PUT))).not.toThrow();
    expect(() => parseLine(JSON.stringify({ ...PUT, ...change }))).toThrow(
      expect.objectContaining({ code: 'MALFORMED', message }),
    );
  });

  test.each(Object.keys(PUT).filter((name) => name !== 'op'))(
    'history line: every field is needed (%s)',
    (name) => {
      const fields = Object.entries(PUT).filter(([other]) => other !== name);
      expect(() => parseLine(JSON.stringify(Object.fromEntries(fields)))).toThrow(`"${name}" is missing`);
    },
  );

  test.each<[Record<string, unknown>, string]>([
    [{ records: {} }, '"records" is an array'],
    [{ records: [['1-0000000000001']] }, '"records[0]" is a pair of version and value'],
    [
      {
        records: [
          ['1-0000000000001', 'a'],
          ['1', 'b'],
        ],
      },
      expect.stringMatching(/^"records\[1\]\[0\]" is a version/),
    ],
    [{ records: [['1-0000000000001', null]] }, '"records[0][1]" is text, not null'],
    [{ client: 1 }, '"client" is no field of it'],
  ])('history line: a final read that is not as documented is refused (%j)', (change, message) => {
    expect(() => parseLine(JSON.stringify(FINAL))).not.toThrow();
    expect(() => parseLine(JSON.stringify({ ...FINAL, ...change }))).toThrow(
      expect.objectContaining({ code: 'MALFORMED', message }),
    );
  });

  test('history line: a value over the limit is TOO_LARGE', () => {
    const longest = 'v'.repeat(LIMITS.valueBytesMax);
    expect(parseLine(JSON.stringify({ ...PUT, value: longest }))).toMatchObject({ value: longest });
    expect(() => parseLine(JSON.stringify({ ...PUT, value: `${longest}v` }))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });
});

describe('history', () => {
  const { seed, replay } = seedOf('history.test.ts');

  test(`history: what was written is read again, in pieces of any size (seed=${seed})`, async () => {
    const random = new Seeded(seed);
    const options = {
      operations: 200,
      clients: 5,
      keys: 3,
      unknownPercent: 20,
      appendPercent: 30,
      deletePercent: 20,
    };
    const lines = [...simulatedHistory(random, options), { ...finalOf('ü@1'), partition: 'p2' }];
    for (const chunkBytes of [1, 2 + random.below(100), 1_000_000]) {
      const { operations, finals } = await read(linesOf(lines), { chunkBytes });
      expect([...operations, ...finals.values()], replay).toEqual(lines);
    }
  });

  test('history: no bytes are no operations, and the last line feed may be missing', async () => {
    expect(await read('')).toEqual({ operations: [], finals: new Map() });
    expect((await read(JSON.stringify(PUT))).operations).toHaveLength(1);
  });

  test.each([
    ['not JSON', `${JSON.stringify(PUT)}\nnonsense\n`, 'line 2: it is not JSON'],
    ['empty', `${JSON.stringify(PUT)}\n\n`, 'line 2: it is not JSON'],
    ['cut off', `${JSON.stringify(PUT)}\n{"client":1,`, 'line 2: it is not JSON'],
    [
      'a value written twice',
      `${JSON.stringify(PUT)}\n${JSON.stringify({ ...PUT, key: 'other' })}\n`,
      'line 2: its "value" was written before: values of writes are unique',
    ],
    [
      'an operation after a final read',
      `${JSON.stringify(FINAL)}\n${JSON.stringify(PUT)}\n`,
      'line 2: an operation comes before all final lines',
    ],
    [
      'a second final read',
      `${JSON.stringify(FINAL)}\n${JSON.stringify(FINAL)}\n`,
      'line 2: there is a final line of partition p1 already',
    ],
  ])('history: a line that is wrong is named (%s)', async (_, text, message) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'MALFORMED', message, details: { line: 2 } });
  });

  test('history: bytes that are not UTF-8 are MALFORMED', async () => {
    await expect(read(Uint8Array.of(0x22, 0xff, 0x22, 0x0a))).rejects.toMatchObject({
      code: 'MALFORMED',
      message: 'line 1: it is not UTF-8',
    });
  });

  test('history: a line over the limit is TOO_LARGE before it is read whole', async () => {
    const line = `${JSON.stringify(PUT)}\n`;
    await expect(read(line, { lineBytesMax: line.length - 1 })).resolves.toMatchObject({ operations: [{}] });
    for (const chunkBytes of [7, 1000]) {
      await expect(read(line, { lineBytesMax: line.length - 2, chunkBytes })).rejects.toMatchObject({
        code: 'TOO_LARGE',
        message: `line 1: a line has at most ${line.length - 2} bytes`,
      });
    }
    expect(HISTORY_LIMITS.lineBytesMax).toBeGreaterThan(LIMITS.valueBytesMax);
  });

  test('history: a line over the number of lines is TOO_LARGE', async () => {
    const collector = new HistoryCollector({ linesMax: 2 });
    collector.add(operationOf('put a 0..1'));
    collector.add(finalOf());
    expect(() => collector.add({ ...finalOf(), partition: 'p2' })).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', message: 'a history has at most 2 lines' }),
    );
    await expect(read(linesOf([finalOf()]), { linesMax: 0 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  test('history: gets may return one value many times, and a failed write has used its value up', () => {
    expect(madeHistory('put a 0..1', 'get a 2..3', 'get a 4..5').operations).toHaveLength(3);
    expect(() => madeHistory('put! a 0..1', 'append? a 2..3')).toThrow('values of writes are unique');
  });
});
