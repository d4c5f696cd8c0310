/** A load hook of Node.js: puts one mutation into the code as it is loaded. */
import type { InitializeHook, LoadHook } from 'node:module';
import type { Mutation } from './mutation.js';

let mutation: Mutation | undefined;

export const initialize: InitializeHook<Mutation> = (given) => {
  mutation = given;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (mutation === undefined || !url.endsWith(`/packages/${mutation.file}`)) return loaded;
  return { ...loaded, source: mutated(String(loaded.source), mutation) };
};

/** Throws where the text does not stand there once. */
function mutated(source: string, { name, find, replace }: Mutation): string {
  const [before, after, ...more] = source.split(find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`mutation ${name}: its text does not stand there once`);
  return before + replace + after;
}
