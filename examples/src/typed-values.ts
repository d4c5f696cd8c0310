/** Embeds a node in a program, appends typed values and reads them back: `node examples/dist/typed-values.js`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@mendlog/client';
import { createNode } from '@mendlog/node';

interface Visit {
  readonly path: string;
  readonly status: number;
}

const visitSchema = {
  parse(value: unknown): Visit {
    if (typeof value === 'object' && value !== null && 'path' in value && 'status' in value) {
      return { path: String(value.path), status: Number(value.status) };
    }
    throw new TypeError('not a visit');
  },
};

const dataDir = await mkdtemp(join(tmpdir(), 'mendlog-example-'));
{
  await using node = await createNode({ id: 'node1', dataDir, listen: '127.0.0.1:0' });
  await using client = createClient({ nodes: [node.url] });
  const visits = client.partition('visits', { schema: visitSchema });
  await Promise.all(
    ['/', '/about', '/missing'].map((path) =>
      visits.append({ path, status: path === '/missing' ? 404 : 200 }),
    ),
  );
  for await (const { id, value } of visits.scan()) console.log(id, value.path, value.status);
}
await rm(dataDir, { recursive: true });
