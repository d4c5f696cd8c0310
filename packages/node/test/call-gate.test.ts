// How much a process works on at a time, and who is refused first.
import { describe, expect, test } from 'vitest';
import { CallGate } from '../src/api/call-gate.js';

const OVERLOADED = expect.objectContaining({ code: 'OVERLOADED', details: { retryAfterMs: 50 } });

function gateOf({ isBusy = false } = {}) {
  return new CallGate({ isBusy: () => isBusy, callsMax: 8, bytesMax: 800 });
}

/** How many calls of the path are let in. */
function fill(gate: CallGate, path: string, bytes = 1): number {
  for (let calls = 0; ; calls++) {
    try {
      gate.enter(path, bytes);
    } catch (thrown) {
      expect(thrown).toEqual(OVERLOADED);
      return calls;
    }
  }
}

describe('call gate', () => {
  test('call gate: replay is refused first, then clients, then peers, and heartbeats never (calls, SPEC I8)', () => {
    const gate = gateOf();
    expect(fill(gate, 'peer.replay')).toBe(4);
    expect(fill(gate, 'batches.write')).toBe(2);
    expect(fill(gate, 'peer.store')).toBe(2);
    gate.enter('peer.heartbeat', 1);
    expect([gate.calls, gate.refused]).toEqual([9, 3]);
    gate.leave(1);
    gate.leave(1);
    expect(fill(gate, 'peer.store')).toBe(1);
  });

  test('call gate: the same in bytes of requests (SPEC I8)', () => {
    const gate = gateOf();
    expect(fill(gate, 'peer.replay', 200)).toBe(2);
    expect(fill(gate, 'records.append', 100)).toBe(2);
    expect(fill(gate, 'peer.keys', 100)).toBe(2);
    gate.leave(100);
    expect(fill(gate, 'peer.keys', 101)).toBe(0);
    expect(fill(gate, 'peer.keys', 100)).toBe(1);
  });

  test('call gate: a busy node takes no replay, and all else', () => {
    const gate = gateOf({ isBusy: true });
    expect(fill(gate, 'peer.replay')).toBe(0);
    expect(fill(gate, 'batches.write')).toBe(6);
  });
});
