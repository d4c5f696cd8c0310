// The digests of the sources of a kernel, as they are now.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function sourcesOf(binding: 'wasm' | 'napi'): string {
  const script = fileURLToPath(new URL('../../../scripts/crate-sources.mjs', import.meta.url));
  return execFileSync(process.execPath, [script, binding], { encoding: 'utf8' });
}
