/** Mends damaged records of one node: asks the other replicas for them, and writes them anew. */

import { packItems } from '@mendlog/core';
import type { NodeShell } from './cluster-context.js';
import { answerWith, callPeer, storeOn } from './peer-call.js';

const TICK_US = 400_000;

export class Scrubber {
  readonly #node: NodeShell;

  constructor(node: NodeShell) {
    this.#node = node;
  }

  start(): void {
    this.#node.every(TICK_US, () => this.#mend());
  }

  #mend(): void {
    for (const { partition, version } of this.#node.disk.damaged) {
      for (const peer of this.#node.primaries(partition)) {
        if (peer === this.#node.id) continue;
        callPeer<Uint8Array[]>(this.#node, {
          to: peer,
          serve: answerWith((other) => other.disk.readVersions(partition, [version])),
          done: (answer) => {
            if (answer.ok && answer.value.length > 0)
              storeOn(this.#node, [[packItems(partition, answer.value)], []], () => {}, 'repair');
          },
        });
      }
    }
  }
}
