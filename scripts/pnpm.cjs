// Runs the one version of pnpm that this project is built with. npx fetches it when it is not there yet, so that
// a machine needs nothing but Node.js and npm.
'use strict';

const { spawnSync } = require('node:child_process');

const pnpmVersion = '10.34.9';

/** Like spawnSync: takes pnpm's arguments and spawnSync's options. */
function pnpm(args, options) {
  const env = { ...process.env };
  // In production mode the development dependencies would be left out, the compiler among them.
  delete env.NODE_ENV;
  // npx is a .cmd file on Windows, and only a shell runs those.
  const shell = process.platform === 'win32';
  return spawnSync('npx', ['--yes', `pnpm@${pnpmVersion}`, ...args], { env, shell, ...options });
}

module.exports = { pnpm, pnpmVersion };
