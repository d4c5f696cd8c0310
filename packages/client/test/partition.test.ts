// A partition as an app sees it, against a real node.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeFrame,
  encodeDraft,
  packItems,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  writeDraftFloor,
} from '@mendlog/core';
import { createNode, type MendlogNode } from '@mendlog/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesCodec, type Client, createClient, textCodec } from '../src/index.js';

describe('partition', () => {
  let dataDir: string;
  let node: MendlogNode;
  let client: Client;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'mendlog-client-'));
    node = await createNode({ id: 'node1', dataDir, listen: '127.0.0.1:0' });
    client = createClient({ nodes: [node.url] });
  });

  afterAll(async () => {
    await client.close();
    await node.close();
    await rm(dataDir, { recursive: true });
  });

  test('partition: a value that the codec cannot read is MALFORMED and named, the others can be read', async () => {
    const raw = client.partition('mixed', { codec: bytesCodec });
    const { version } = await raw.append(Uint8Array.of(0x7b, 0xff));
    const json = client.partition('mixed');
    await json.append({ fine: true });
    await expect(json.read(version)).rejects.toMatchObject({ code: 'MALFORMED', details: { version } });
    expect((await json.read(2))?.value).toEqual({ fine: true });
    expect((await raw.read(version))?.value).toEqual(Buffer.of(0x7b, 0xff));
  });

  test('partition: a value that the codec refuses is BAD_REQUEST with its error, also among many', async () => {
    const refusal = new TypeError('not a number');
    const schema = {
      parse(value: unknown): number {
        if (typeof value !== 'number') throw refusal;
        return value;
      },
    };
    const numbers = client.partition<unknown>('numbers', { schema });
    const refused = { code: 'BAD_REQUEST', cause: refusal };
    await expect(numbers.append('one')).rejects.toMatchObject(refused);
    await expect(numbers.put('key', 'one')).rejects.toMatchObject(refused);
    const outcomes = await numbers.appendMany([1, 'two', 3]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(outcomes[1]).toMatchObject({ error: refused });
  });

  test.each([undefined, null, 5, {}])('partition: %s is no key, and nothing is written', async (key) => {
    const keys = client.partition('no-keys', { codec: textCodec });
    for (const call of [keys.put, keys.get, keys.delete])
      await expect(Reflect.apply(call, keys, [key, 'value'])).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    for await (const record of keys.scan()) expect.unreachable(record.version);
  });

  test.each(['now ', '{"node":"node1"}', null, {}, 7])(
    'partition: %s is no place to begin a tail at',
    async (from) => {
      const tail = Reflect.apply(client.partition('lines').tail, client.partition('lines'), [{ from }]);
      await expect(tail.next()).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );

  test.each([Number.NaN, -1, 1.5, 1000.5])('partition: %s is no limit of a scan', async (limit) => {
    const scan = client.partition('lines').scan({ limit });
    await expect(scan.next()).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test.each([Number.NaN, -1, 0])(
    'client: a timeout of %s is refused, and makes no call wait for ever',
    (timeoutMs) => {
      expect(() => createClient({ nodes: [node.url], timeoutMs })).toThrow(
        expect.objectContaining({ code: 'BAD_CONFIG' }),
      );
    },
  );

  test('partition: a tailed record is a value or a deletion, and types tell which', async () => {
    const settings = client.partition<string>('tailed', { codec: textCodec });
    await settings.put('a', 'one');
    await settings.delete('b');
    const found: string[] = [];
    for await (const record of settings.tail({ from: 'start', patienceMs: undefined })) {
      if (record.deleted) found.push(`${record.key} deleted`);
      else found.push(record.value.toUpperCase());
      if (found.length === 2) break;
    }
    expect(found).toEqual(['ONE', 'b deleted']);
  });

  test('partition: ordered appends have the order of their calls, also with appends of the other kind beside them', async () => {
    const lines = client.partition('ordered', { codec: textCodec });
    const values = Array.from({ length: 3000 }, (_, i) => `line ${i}`);
    const beside = Array.from({ length: 100 }, (_, i) => lines.append(`beside ${i}`));
    const outcomes = await lines.appendMany(values, { pipeline: 'ordered' });
    await Promise.all(beside);
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    const found: string[] = [];
    for await (const { value } of lines.scan()) if (value.startsWith('line')) found.push(value);
    expect(found).toEqual(values);
  });

  test.each([{ pipeline: 'sorted' }, { pipeline: 'ordered', idempotent: false }])(
    'partition: an append with %o is BAD_REQUEST',
    async (options) => {
      const lines = client.partition('ordered', { codec: textCodec });
      const refused = Reflect.apply(lines.append, lines, ['line', options]);
      await expect(refused).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );

  test('client: addresses that cannot be meant are BAD_CONFIG', () => {
    for (const nodes of [[], undefined, 'http://127.0.0.1:1', ['127.0.0.1:1'], [7]])
      expect(() => Reflect.apply(createClient, undefined, [{ nodes }])).toThrow(
        expect.objectContaining({ code: 'BAD_CONFIG' }),
      );
  });

  test('client: where no node can be reached it says of each why, also as JSON', async () => {
    await using lost = createClient({ nodes: ['http://127.0.0.1:1', 'http://127.0.0.1:2'], timeoutMs: 200 });
    const error = await lost
      .partition('p')
      .append('value')
      .catch((thrown: unknown) => thrown);
    const message =
      'no node answered: http://127.0.0.1:1 cannot be reached (ECONNREFUSED), http://127.0.0.1:2 cannot be reached (ECONNREFUSED)';
    expect(error).toMatchObject({ code: 'UNREACHABLE', message });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ...{ name: 'MendlogError', code: 'UNREACHABLE' },
      ...{ message, details: {} },
    });
  });

  test('partition: scans have ends, limits and times, and nothing of one that is not there', async () => {
    const lines = client.partition('lines', { codec: textCodec });
    const before = Date.now();
    await Promise.all(Array.from({ length: 2500 }, (_, i) => lines.append(`line ${i}`)));
    const ids = async (options: Parameters<typeof lines.scan>[0]) => {
      const found: number[] = [];
      for await (const { id } of lines.scan(options)) found.push(id);
      return found;
    };
    expect(await ids({})).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
    expect(await ids({ from: 2000, to: 2003 })).toEqual([2000, 2001, 2002, 2003]);
    expect(await ids({ from: 1001, limit: 2 })).toEqual([1001, 1002]);
    expect(await ids({ reverse: true })).toEqual(Array.from({ length: 2500 }, (_, i) => 2500 - i));
    expect(await ids({ from: 2000, to: 2003, reverse: true })).toEqual([2003, 2002, 2001, 2000]);
    expect(await ids({ to: 1001, limit: 2, reverse: true })).toEqual([1001, 1000]);
    expect(await ids({ fromTimeMs: before, limit: 1, reverse: true })).toEqual([2500]);
    expect(await ids({ fromTimeMs: before })).toHaveLength(2500);
    expect(await ids({ toTimeMs: before - 1 })).toEqual([]);
    for await (const _ of client.partition('none').scan()) expect.unreachable();
    expect(await client.partition('none').read(1)).toBeUndefined();
  });

  test('partition: gets of more than one answer has room for are all answered (20 values of 900 kB, one turn)', async () => {
    const large = client.partition('large', { codec: bytesCodec });
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    const filled = (i: number) => new Uint8Array(900_000).fill(i);
    await Promise.all(keys.map((key, i) => large.put(key, filled(i))));
    const found = await Promise.all(keys.map((key) => large.get(key)));
    for (const [i, record] of found.entries())
      expect(Buffer.compare(record?.value ?? new Uint8Array(0), filled(i))).toBe(0);
  });

  test('partition: a write under way when its client closes has an unknown outcome', async () => {
    const leaving = createClient({ nodes: [node.url] });
    const lines = leaving.partition('left', { codec: textCodec });
    await lines.append('first');
    const last = lines.append('last', { idempotent: false });
    // It goes out as this turn ends.
    await new Promise((resolve) => setImmediate(resolve));
    await leaving.close();
    await expect(last).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(lines.append('never')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('partition: a key is put, read, put again and deleted, and scans show what is left', async () => {
    const settings = client.partition('settings', { codec: textCodec });
    expect(await settings.get('colour')).toBeUndefined();
    const first = await settings.put('colour', 'green');
    expect(await settings.get('colour')).toMatchObject({
      version: first.version,
      key: 'colour',
      value: 'green',
    });
    const second = await settings.put('colour', 'blue');
    await settings.append('a line');
    const found: (string | undefined)[][] = [];
    for await (const { key, value, version } of settings.scan()) found.push([key, value, version]);
    expect(found).toEqual([
      ['colour', 'blue', second.version],
      [undefined, 'a line', expect.any(String)],
    ]);
    await settings.delete('colour');
    expect(await settings.get('colour')).toBeUndefined();
    const left: string[] = [];
    for await (const { value } of settings.scan()) left.push(value);
    expect(left).toEqual(['a line']);
  });

  test('partition: a thousand gets of one turn are answered, each its own', async () => {
    const numbers = client.partition('numbers', { codec: textCodec });
    const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => numbers.put(key, `v${key}`)));
    const got = await Promise.all(keys.map((key) => numbers.get(key)));
    expect(got.map((record) => record?.value)).toEqual(keys.map((key) => `v${key}`));
  });

  test.each([
    ['empty', ''],
    ['too long', 'x'.repeat(1025)],
    ['half a surrogate pair', '\ud800'],
  ])('partition: a key that is none is BAD_REQUEST (%s)', async (_, key) => {
    const settings = client.partition('settings', { codec: textCodec });
    for (const call of [settings.put(key, 'x'), settings.get(key), settings.delete(key)])
      await expect(call).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('partition: an append that is not to be retried has no key, others have one each', async () => {
    const lines = client.partition('bulk', { codec: textCodec });
    await Promise.all([
      ...['a', 'b'].map((line) => lines.append(line)),
      lines.append('c', { idempotent: false, order: 'causal', consistency: { r: 1, w: 1 } }),
    ]);
    const { frames } = await node.service.scan(
      'bulk',
      { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 9 },
      'ONE',
    );
    const ids = frames.map((frame) => decodeFrame(frame).append?.id);
    expect(ids.filter((id) => id === undefined)).toHaveLength(1);
    expect(new Set(ids.map(String)).size).toBe(3);
  });

  test('partition: of many writes each has a result of its own, in order', async () => {
    const many = client.partition('many', { codec: textCodec });
    const appended = await many.appendMany(['a', 'x'.repeat(2 ** 20 + 1), 'b']);
    expect(appended).toMatchObject([
      { ok: true, id: 1 },
      { ok: false, error: { code: 'TOO_LARGE' } },
      { ok: true, id: 2 },
    ]);
    const put = await many.putMany([
      ['k', 'first'],
      ['', 'no key'],
      ['k', 'second'],
    ]);
    expect(put).toMatchObject([{ ok: true }, { ok: false, error: { code: 'BAD_REQUEST' } }, { ok: true }]);
    expect((await many.get('k'))?.value).toBe('second');
  });

  test('partition: what is written in causal order is above all that its client has read or written (SPEC I10)', async () => {
    const seen = client.partition('causal', { codec: textCodec });
    // As if another coordinator had given this version, and only a replica of it had been read.
    const far = packItems('causal', [encodeDraft({ key: 'k', value: Buffer.from('far') })]);
    writeDraftFloor(far.bytes, 0, 5000);
    await node.service.write([far], { level: 'ONE' });
    expect((await seen.get('k'))?.id).toBe(5001);
    const options = { order: 'causal', consistency: { r: 1, w: 1 }, idempotent: false } as const;
    expect((await seen.append('x', options)).id).toBe(5002);
    const tooFar = packItems('causal', [encodeDraft({ value: Buffer.from('x') })]);
    writeDraftFloor(tooFar.bytes, 0, 2 ** 33);
    expect(await node.service.write([tooFar], {})).toMatchObject([
      { ok: false, error: { code: 'CLOCK_JUMP' } },
    ]);
  });

  test('partition: a call without a level takes that of its partition', async () => {
    await node.service.createPartition('levels', { consistency: 'ALL' });
    expect(await client.partition('levels').append('x')).toMatchObject({ id: 1, acks: 1 });
    await expect(client.partition('levels').append('x', { consistency: 'TWO' })).rejects.toMatchObject({
      code: 'TOO_FEW_NODES',
    });
  });
});
