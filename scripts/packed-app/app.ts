// What a user's first program looks like; scripts/check-packed.mjs compiles and runs it against the tarballs.
import { strict as assert } from 'node:assert';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@mendlog/client';
import { createNode } from '@mendlog/node';

const dataDir = await mkdtemp(join(tmpdir(), 'mendlog-app-'));
await using node = await createNode({ id: 'node1', dataDir, listen: '127.0.0.1:0', peers: {} });
await using client = createClient({ nodes: [node.url] });

const greetings = client.partition('greetings');
const { version } = await greetings.append('hello');
const record = await greetings.read(version);
assert.equal(record?.value, 'hello');
