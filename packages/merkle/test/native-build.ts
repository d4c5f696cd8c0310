// What scripts/build-native.sh has left, which is nothing in a fresh checkout.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../native/', import.meta.url);

/** The addons, and the digests of the sources that they were built from. */
export function nativeBuild(): { files: string[]; sources: string } {
  if (!existsSync(folder)) return { files: [], sources: '' };
  const names = readdirSync(folder);
  return {
    files: names.filter((name) => name.endsWith('.node')),
    sources: names.includes('SOURCES.sha256')
      ? readFileSync(new URL('SOURCES.sha256', folder), 'utf8').replaceAll('\r\n', '\n')
      : '',
  };
}
