// A partition as an app sees it, against a real node.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    expect(await ids({ fromTimeMs: before })).toHaveLength(2500);
    expect(await ids({ toTimeMs: before - 1 })).toEqual([]);
    for await (const _ of client.partition('none').scan()) expect.unreachable();
    expect(await client.partition('none').read(1)).toBeUndefined();
  });

  test('partition: a call without a level takes that of its partition', async () => {
    await node.service.createPartition('levels', { consistency: 'ALL' });
    expect(await client.partition('levels').append('x')).toMatchObject({ id: 1, acks: 1 });
    await expect(client.partition('levels').append('x', { consistency: 'TWO' })).rejects.toMatchObject({
      code: 'TOO_FEW_NODES',
    });
  });
});
