// The vectors of crates/merkle/vectors, typed, and the kernels that must pass them.
import { readFileSync } from 'node:fs';
import { createOracleKernel, type DigestKernel } from '@mendlog/core';
import blake3 from 'blake3-wasm';
import { loadKernel } from '../src/index.js';

/** Hex, or so many bytes, byte i being i mod 251. */
export type BytesText = string | { readonly pattern: number };

interface Refusable {
  readonly name: string;
  /** The call is refused with this error, and leaves its output as it was. */
  readonly error?: 'TypeError' | 'RangeError';
}

/** The vectors of each call; an answer is absent where `error` is present. */
export interface Vectors {
  deriveKey: Refusable & { context: string; material: BytesText; key: string };
  tags: Refusable & {
    key: BytesText;
    frames: BytesText[];
    ends: number[];
    tagsOutLength: number;
    tagsOut?: string;
  };
  addTags: Refusable & { rows: BytesText; rowOf: number[]; tags: BytesText; sign: 1 | -1; rowsOut?: string };
  sumRows: Refusable & { rows: BytesText; rowOutLength: number; rowOut?: string };
  diffRows: Refusable & { left: BytesText; right: BytesText; capacity: number; indexes?: number[] };
  merkleTree: Refusable & {
    key: BytesText;
    leafRows: BytesText;
    depth: number;
    nodesOutLength: number;
    root?: string;
    /** The tag of all nodes, in place of the nodes of a large tree. */
    nodesTag?: string;
    nodes?: string;
  };
}

export function readVectors<Call extends keyof Vectors>(call: Call): Vectors[Call][] {
  const path = new URL(`../../../crates/merkle/vectors/${call}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8'));
}

export function bytesOf(text: BytesText): Uint8Array {
  return typeof text === 'string'
    ? Uint8Array.from(Buffer.from(text, 'hex'))
    : Uint8Array.from({ length: text.pattern }, (_, i) => i % 251);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export const oracleKernel: DigestKernel = createOracleKernel({
  deriveKey: (context, material) => blake3.deriveKey(context, material),
  keyedHash: (key, bytes) => blake3.keyedHash(Buffer.from(key), bytes),
});

export const KERNELS: readonly DigestKernel[] = [oracleKernel, loadKernel({ kind: 'wasm' })];
