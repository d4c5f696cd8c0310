export {
  type ConsistencyLevel,
  type ErrorCode,
  type Level,
  MendlogError,
  type WriteLevel,
  type WriteOrder,
} from '@mendlog/core';
export { type Client, type ClientOptions, createClient, type ValueOptions } from './client.js';
export { bytesCodec, type Codec, jsonCodec, type Schema, textCodec } from './codec.js';
export type {
  AppendOptions,
  CallOptions,
  Partition,
  ReadRecord,
  ScanOptions,
  TailedRecord,
  WriteOptions,
  WriteSettled,
} from './partition.js';
export type { TailOptions } from './tail.js';
export type { TailCursor, TailPlace } from './tail-places.js';
export type { WriteResult } from './write-batcher.js';
