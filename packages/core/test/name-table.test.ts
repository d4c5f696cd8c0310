// Names of partitions in messages: each is the string that its bytes say, whatever came before.
import { expect, test } from 'vitest';
import { NameTable } from '../src/protocol/name-table.js';

test('name table: names are those of their bytes, far more of them than it has room for', () => {
  const table = new NameTable();
  const encoder = new TextEncoder();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 20_000; i++) {
      const name = `orders-${i % 3 === 0 ? 'x'.repeat(i % 150) : ''}${i}`;
      const bytes = encoder.encode(`..${name}--`);
      expect(table.nameAt(bytes, 2, 2 + name.length)).toBe(name);
    }
  }
});

test.each([
  ['', 'nothing'],
  ['..', 'a folder'],
  ['a/b', 'a slash'],
  ['x'.repeat(201), 'too long'],
  ['caf\u00e9', 'not ASCII'],
])('name table: what is no name is refused each time (%j, %s)', (name) => {
  const table = new NameTable();
  const bytes = new TextEncoder().encode(name);
  for (let i = 0; i < 2; i++) {
    expect(() => table.nameAt(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST' }),
    );
  }
});
