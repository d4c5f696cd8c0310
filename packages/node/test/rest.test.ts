// Requests over REST that say one thing twice, or in the wrong place: refused, and nothing is written.
import { createNode } from '@mendlog/node';
import { expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

test.each([
  ['a level in the query', '?consistency=ALL', {}, 'PUT /api/keys/:partitionId/:key takes no query'],
  ['another key in the body', '', { key: 'other' }, 'key is one in the path and another one beside it'],
  ['another partition in the body', '', { partitionId: 'q' }, 'partitionId is one in the path'],
])('rest: a put with %s is BAD_REQUEST, and nothing is written', async (_, query, more, why) => {
  using folder = temporaryFolder();
  await using node = await createNode({ id: 'n1', dataDir: folder.path, listen: '127.0.0.1:0' });
  const put = (path: string, body: object) =>
    fetch(`${node.url}${path}`, { method: 'PUT', body: JSON.stringify({ message: 'm', ...body }) });
  const refused = await put(`/api/keys/p/k${query}`, more);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ code: 'BAD_REQUEST', detail: expect.stringContaining(why) });
  expect((await fetch(`${node.url}/api/keys/p/k`)).status).toBe(404);
  expect((await put('/api/keys/p/k', { partitionId: 'p', key: 'k' })).status).toBe(200);
});
