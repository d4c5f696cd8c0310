// REST beyond its page: what says one thing twice, or in the wrong place, is refused; scans from the end.
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

test('rest: a scan in reverse has the last record first, and its next is the end of the page that follows', async () => {
  using folder = temporaryFolder();
  await using node = await createNode({ id: 'n1', dataDir: folder.path, listen: '127.0.0.1:0' });
  for (const message of ['one', 'two', 'three'])
    await fetch(`${node.url}/api/write`, {
      method: 'POST',
      body: JSON.stringify({ partitionId: 'p', message }),
    });
  const scan = (query: string) => fetch(`${node.url}/api/scan/p?${query}`);
  const page: { next?: string } = await (await scan('reverse=true&limit=2')).json();
  expect(page).toMatchObject({ records: [{ message: 'three' }, { message: 'two' }] });
  const rest = await (await scan(`reverse=true&limit=2&to=${page.next}`)).json();
  expect(rest).toMatchObject({ records: [{ message: 'one' }] });
  expect(rest).not.toHaveProperty('next');
  expect(await (await scan('reverse=false&limit=1')).json()).toMatchObject({ records: [{ message: 'one' }] });
  for (const query of ['reverse', 'reverse=', 'reverse=1', 'reverse=TRUE'])
    expect((await scan(query)).status, query).toBe(400);
});
