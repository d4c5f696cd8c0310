export type { AppRouter, BinaryRouter } from './api/router.js';
export { type ApiServer, type ApiServerOptions, createApiServer, type HttpTimeouts } from './api/server.js';
export type {
  Health,
  HintStats,
  Jobs,
  JobsQuery,
  Layout,
  Partitions,
  PeerService,
  Preview,
  ReadOutcome,
  Service,
  Summary,
  Trigger,
} from './api/service.js';
export { clusterSecret, DEVELOPMENT_SECRET, peerToken } from './cluster-secret.js';
export { parseListen } from './config/parse-listen.js';
export { createGateway, type Gateway, type GatewayOptions } from './gateway/gateway.js';
export { letHeapGrow } from './let-heap-grow.js';
export { type Log, silentLog } from './log.js';
export { createNode, type MendlogNode } from './node.js';
export type { NodeOptions } from './node-options.js';
