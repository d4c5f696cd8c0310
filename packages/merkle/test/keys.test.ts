import { expect, test } from 'vitest';
import { loadKernel, partitionKey, partitionTreeKey } from '../src/index.js';
import { hex } from './cases.js';
import { KERNELS } from './vectors.js';

const kernel = loadKernel();
const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const bytes = (text: string) => new TextEncoder().encode(text);

test('keys: golden, since stored tags depend on them', () => {
  for (const kernel of KERNELS) {
    expect(hex(partitionKey(kernel, secret, 'orders'))).toBe(
      'e440f2004f2c881efff1edd6e10f720639044caf2e00f3a93b75468a05a947da',
    );
    expect(hex(partitionTreeKey(kernel, secret, 'orders'))).toBe(
      'ee5ed04826281eea3fad4ef422e395726d6a5f3c8917c81730e907a64a16f65e',
    );
  }
});

test('keys: secret and partition cannot trade bytes', () => {
  expect(partitionKey(kernel, bytes('ab'), 'c')).not.toEqual(partitionKey(kernel, bytes('a'), 'bc'));
});

test('keys: each use, partition and secret has its own', () => {
  const keys = [
    partitionKey(kernel, secret, 'orders'),
    partitionKey(kernel, secret, 'Orders'),
    partitionKey(kernel, secret, ''),
    partitionKey(kernel, secret.subarray(1), 'orders'),
    partitionTreeKey(kernel, secret, 'orders'),
  ].map(hex);
  expect(new Set(keys).size).toBe(keys.length);
});

test('keys: an empty secret is refused', () => {
  expect(() => partitionKey(kernel, new Uint8Array(0), 'orders')).toThrow(TypeError);
});
