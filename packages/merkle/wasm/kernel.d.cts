/* tslint:disable */
/* eslint-disable */

export function addTags(rows: Uint8Array, row_of: Uint32Array | number[], tags: Uint8Array | number[], sign: number): void;

export function addToSketch(cells: Uint8Array, first: number, counters: Float64Array | number[], tags: Uint8Array | number[], sign: number): void;

export function decodeSymbols(message: Uint8Array | number[], first: number, cells_out: Uint8Array): number;

export function deriveKey(context: string, material: Uint8Array | number[]): Uint8Array;

export function diffRows(left: Uint8Array | number[], right: Uint8Array | number[], indexes_out: Float64Array): number;

export function diffTrees(left: Uint8Array | number[], right: Uint8Array | number[], depth: number, leaves_out: Uint32Array): number;

export function encodeSymbols(cells: Uint8Array | number[], first: number, message_out: Uint8Array): number;

export function foldRows(indexed_rows: Uint8Array | number[], span: number, rows: Uint8Array): void;

/**
 * Bytes of linear memory, which can grow and never shrinks: for tests and metrics.
 */
export function memoryBytes(): number;

export function merklePath(nodes: Uint8Array | number[], depth: number, leaf: number, path_out: Uint8Array): void;

export function merkleTree(key: Uint8Array | number[], leaf_rows: Uint8Array | number[], depth: number, nodes_out: Uint8Array): void;

export function peelSketch(cells: Uint8Array, items: Uint8Array, progress: Uint32Array): void;

export function subtractSketch(cells: Uint8Array, other: Uint8Array | number[]): void;

export function sumRows(rows: Uint8Array | number[], row_out: Uint8Array): void;

export function tags(key: Uint8Array | number[], frames: Uint8Array | number[], ends: Uint32Array | number[], tags_out: Uint8Array): void;

export function verifyPath(key: Uint8Array | number[], leaf_row: Uint8Array | number[], leaf: number, path: Uint8Array | number[], root: Uint8Array | number[]): boolean;
