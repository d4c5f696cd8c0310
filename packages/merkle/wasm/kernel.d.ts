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

export function groupTags(keys: Uint8Array | number[], group_ends: Uint32Array | number[], frames: Uint8Array | number[], ends: Uint32Array | number[], tags_out: Uint8Array): void;

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

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly addTags: (a: number, b: number, c: any, d: number, e: number, f: number, g: number, h: number) => [number, number];
    readonly addToSketch: (a: number, b: number, c: any, d: number, e: number, f: number, g: number, h: number, i: number) => [number, number];
    readonly decodeSymbols: (a: number, b: number, c: number, d: number, e: number, f: any) => [number, number, number];
    readonly deriveKey: (a: number, b: number, c: number, d: number) => [number, number];
    readonly diffRows: (a: number, b: number, c: number, d: number, e: number, f: number, g: any) => [number, number, number];
    readonly diffTrees: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: any) => [number, number, number];
    readonly encodeSymbols: (a: number, b: number, c: number, d: number, e: number, f: any) => [number, number, number];
    readonly foldRows: (a: number, b: number, c: number, d: number, e: number, f: any) => [number, number];
    readonly groupTags: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: any) => [number, number];
    readonly memoryBytes: () => number;
    readonly merklePath: (a: number, b: number, c: number, d: number, e: number, f: number, g: any) => [number, number];
    readonly merkleTree: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: any) => [number, number];
    readonly peelSketch: (a: number, b: number, c: any, d: number, e: number, f: any, g: number, h: number, i: any) => [number, number];
    readonly subtractSketch: (a: number, b: number, c: any, d: number, e: number) => [number, number];
    readonly sumRows: (a: number, b: number, c: number, d: number, e: any) => [number, number];
    readonly tags: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: any) => [number, number];
    readonly verifyPath: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number) => [number, number, number];
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path?: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
