/** What can be checked before a node or a gateway starts, apart from them: it loads neither storage nor server. */
export { clusterSecret } from '../cluster-secret.js';
export { makeDataDir } from '../storage/make-data-dir.js';
export { nearestName } from './nearest-name.js';
export { dataDirOf, gatewayOptionsOf, nodeOptionsOf } from './options.js';
export {
  mergeSettings,
  type Source,
  settingsOfEnvironment,
  settingsOfFile,
  settingsOfOptions,
} from './read-config.js';
export type { Config, SettingKey } from './settings.js';
