/**
 * Chains of what arrived one after another for the same version or key, the latest first: what came before
 * is kept for as long as the later is not flushed, or may still fail.
 */
export interface ArrivalLink<Link> {
  readonly arrival: number;
  before?: Link | undefined;
}

/** The latest link that arrived up to there. */
export function latestBy<Link extends ArrivalLink<Link>>(
  last: Link | undefined,
  arrivedBy: number,
): Link | undefined {
  let link = last;
  while (link !== undefined && link.arrival > arrivedBy) link = link.before;
  return link;
}

/** The latest link that is left, with those left before it. */
export function without<Link extends ArrivalLink<Link>>(
  last: Link,
  isGone: (arrival: number) => boolean,
): Link | undefined {
  let kept: Link | undefined;
  let above: Link | undefined;
  // A loop: a key may be written many thousand times before the index follows.
  for (let link: Link | undefined = last; link !== undefined; link = link.before) {
    if (isGone(link.arrival)) continue;
    if (above === undefined) kept = link;
    else above.before = link;
    above = link;
  }
  if (above !== undefined) above.before = undefined;
  return kept;
}
