export { type ConsistencyLevel, type ErrorCode, MendlogError } from '@mendlog/core';
export { type Client, type ClientOptions, createClient, type ValueOptions } from './client.js';
export { bytesCodec, type Codec, jsonCodec, type Schema, textCodec } from './codec.js';
export type { AppendResult, CallOptions, Partition, ReadRecord, ScanOptions } from './partition.js';
