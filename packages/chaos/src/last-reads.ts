/** What all replicas hold at the end: each key once more as the history's last gets, and the appended records. */
import { type Client, textCodec } from '@mendlog/client';
import type { FinalRecord, Operation } from '@mendlog/sim';
import { KEYS, PARTITIONS, versionOf } from './chaos-client.js';
import type { Recorder } from './recorder.js';

const ALL = { consistency: 'ALL' } as const;

/** `number`: of the client that reads. Rejects as its calls do. */
export async function readEverything(client: Client, number: number, recorder: Recorder): Promise<void> {
  for (const name of PARTITIONS) {
    const partition = client.partition(name, { codec: textCodec });
    for (const key of KEYS) {
      const start = recorder.now();
      const record = await partition.get(key, ALL);
      const read: Operation = {
        client: number,
        op: 'get',
        partition: name,
        key,
        value: record?.value ?? null,
        version: record === undefined ? null : versionOf(record.version),
        start,
        end: recorder.now(),
        outcome: 'ok',
      };
      await recorder.add(read);
    }
  }
  for (const name of PARTITIONS) {
    const records: FinalRecord[] = [];
    for await (const { version, key, value } of client.partition(name, { codec: textCodec }).scan(ALL))
      if (key === undefined) records.push({ version: versionOf(version), value });
    await recorder.add({ op: 'final', partition: name, records });
  }
}
