/** What is judged together: the operations of one key, of one partition, of one client. */
import type { Operation } from '../history/history-line.js';

/** In the order in which each group first occurs; `name` tells groups apart. */
export function groupsOf<Item>(items: readonly Item[], name: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(name(item));
    if (group === undefined) groups.set(name(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** A partition's name has no slash, so no two keys have one name. */
export function keyName({ partition, key }: Operation): string {
  return `${partition}/${key}`;
}
