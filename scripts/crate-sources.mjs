// Prints the digests of the sources of a built kernel, in the format of sha256sum.
//
//   node scripts/crate-sources.mjs wasm|napi
//
// build-wasm.sh and build-native.sh keep them beside what they build as
// SOURCES.sha256, and a test compares: so a checkout without Rust still sees a
// kernel that is older than its sources. Only what enters the build counts, not
// the crate's tests/.
// Line ends are taken as LF, whatever the checkout made of them.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const crate = new URL('../crates/merkle/', import.meta.url);

const [binding] = process.argv.slice(2);
if (binding !== 'wasm' && binding !== 'napi') throw new Error('say which binding: wasm or napi');

const rustFilesIn = (folder) =>
  readdirSync(fileURLToPath(new URL(folder, crate)), { recursive: true })
    .map((name) => folder + name.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.rs'));

const paths = [
  'Cargo.lock',
  'Cargo.toml',
  `${binding}/Cargo.toml`,
  ...rustFilesIn('src/'),
  ...rustFilesIn(`${binding}/src/`),
].sort();

for (const path of paths) {
  const text = readFileSync(fileURLToPath(new URL(path, crate)), 'utf8').replaceAll('\r\n', '\n');
  console.log(`${createHash('sha256').update(text).digest('hex')}  ${path}`);
}
