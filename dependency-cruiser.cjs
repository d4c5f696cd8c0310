// Imports run one way, and never in a circle:
//
//   core <- merkle, transport <- node <- cli
//   core <- transport <- client <- cli         (client -> node: types only)
//   core, merkle <- sim
//   core, node, client, sim <- chaos
//
// Each package lists what it may import; everything else is forbidden. A package's dist counts as the package.
'use strict';

const npm = 'node_modules/(?!@mendlog)';
const own = (name) => `^packages/${name}/`;

function mayImport(name, allowed) {
  return {
    name: `imports-of-${name}`,
    comment: `${name} may import: ${[name, ...allowed].join(', ')}`,
    severity: 'error',
    from: { path: `^packages/${name}/src/` },
    to: { pathNot: [name, ...allowed].map((entry) => words[entry] ?? own(entry)) },
  };
}

const words = { npm, 'node:*': '^node:|^[a-z0-9_/]+$' };

module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    mayImport('core', []),
    mayImport('merkle', ['core', 'node:*']),
    mayImport('transport', ['core', 'npm', 'node:*']),
    mayImport('sim', ['core', 'merkle', 'node:*']),
    mayImport('node', ['core', 'merkle', 'transport', 'npm', 'node:*']),
    mayImport('client', ['core', 'transport', 'node', 'npm', 'node:*']),
    mayImport('cli', ['core', 'merkle', 'node', 'client', 'npm', 'node:*']),
    mayImport('chaos', ['core', 'node', 'client', 'sim', 'node:*']),
    {
      name: 'client-takes-only-types-from-node',
      comment: 'An app that imports the client must not load the server.',
      severity: 'error',
      from: { path: '^packages/client/src/' },
      to: { path: own('node'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'zod-and-trpc-stop-at-the-shell',
      severity: 'error',
      from: { path: '^(packages|bench)/', pathNot: '^packages/(node|client|transport)/' },
      to: { path: 'node_modules/(zod|@trpc)/' },
    },
    {
      name: 'sources-import-no-tests-and-no-root-tools',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(packages/[^/]+/test|tests|scripts|bench|examples)/' },
    },
    {
      name: 'sources-import-what-they-declare',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'packages/[^/]+/dist'] },
    exclude: { path: '\\.d\\.ts$' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'default', 'node'],
      extensions: ['.ts', '.js', '.mjs', '.cjs'],
    },
    moduleSystems: ['es6', 'cjs'],
  },
};
