// A line that is bounded in number, bytes and time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tooMany, WaitingLine } from '../src/waiting-line.js';

const BOUNDS = { itemsMax: 3, bytesMax: 100, waitMsMax: 500, refusal: tooMany('writes') };
const overloaded = (retryAfterMs: number) => ({ code: 'OVERLOADED', details: { retryAfterMs } });

describe('waiting line', () => {
  test('waiting line: full in number, and room again when one is taken (SPEC I8)', () => {
    const line = new WaitingLine<number>(BOUNDS);
    for (const item of [1, 2, 3]) line.add(item, 1, 0);
    expect([line.hasRoom(1), line.refusal(10)]).toMatchObject([false, overloaded(50)]);
    expect(line.takeOldest()).toBe(1);
    expect([line.hasRoom(1), line.hasRoom(1, 1)]).toEqual([true, false]);
  });

  test('waiting line: full in bytes, exactly (SPEC I8)', () => {
    const line = new WaitingLine<number>(BOUNDS);
    line.add(1, 60, 0);
    expect([line.hasRoom(40), line.hasRoom(41)]).toEqual([true, false]);
    line.takeOldest();
    expect([line.bytes, line.hasRoom(100)]).toEqual([0, true]);
  });

  test('waiting line: what comes is refused while the oldest has waited too long after a turn (SPEC I8)', () => {
    const line = new WaitingLine<number>(BOUNDS);
    line.add(1, 1, 0);
    line.add(2, 1, 300);
    line.turned(500);
    expect(line.hasRoom(1)).toBe(true);
    line.turned(501);
    expect([line.hasRoom(1), line.refusal(620)]).toMatchObject([false, overloaded(620)]);
    line.takeOldest();
    line.turned(700);
    expect(line.hasRoom(1)).toBe(true);
  });

  test('waiting line: one refusal is made a turn', () => {
    const line = new WaitingLine<number>(BOUNDS);
    line.add(1, 1, 0);
    const refusal = line.refusal(60);
    expect(line.refusal(90)).toBe(refusal);
    line.turned(100);
    expect(line.refusal(100)).toMatchObject(overloaded(100));
  });

  test('waiting line: a process that was paused is no line that stands, until a turn has left something', () => {
    const line = new WaitingLine<number>(BOUNDS);
    line.add(1, 1, 0);
    expect(line.hasRoom(1)).toBe(true);
    line.takeOldest();
    line.turned(10_000);
    expect(line.stands).toBe(false);
  });

  test('waiting line: in the order in which things came, whatever is taken in between', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 5000 }), (steps) => {
        const line = new WaitingLine<number>({ ...BOUNDS, itemsMax: 10_000 });
        const model: number[] = [];
        for (const [i, isTaken] of steps.entries()) {
          if (isTaken) expect(line.takeOldest()).toBe(model.shift());
          else {
            line.add(i, i, i);
            model.push(i);
          }
          expect([line.length, line.oldest]).toEqual([model.length, model[0]]);
        }
        expect(line.bytes).toBe(model.reduce((sum, bytes) => sum + bytes, 0));
        expect(line.takeAll()).toEqual(model);
        expect([line.length, line.bytes, line.oldest]).toEqual([0, 0, undefined]);
      }),
    );
  });

  test('waiting line: the places of many that were taken are given back (10,000)', () => {
    const line = new WaitingLine<number>({ ...BOUNDS, itemsMax: 20_000 });
    for (let i = 0; i < 10_000; i++) line.add(i, 0, i);
    for (let i = 0; i < 9999; i++) expect(line.takeOldest()).toBe(i);
    expect([line.length, line.oldest, line.waitMs(10_000)]).toEqual([1, 9999, 1]);
  });
});
