/** What can be checked before a node or a gateway starts, apart from them: it loads neither storage nor server. */
export { clusterSecret } from '../cluster-secret.js';
export { makeDataDir } from '../storage/make-data-dir.js';
