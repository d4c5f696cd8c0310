/**
 * The network between the nodes, as a process of its own: nine links, one for each node as seen from each. Its
 * parent says where the nodes listen and what passes; it answers each message when that holds. It ends with
 * its parent.
 */
import { NODE_IDS, type NodeId } from './fault.js';
import { Link } from './link.js';
import { type PassageState, WayGate } from './passages.js';

/** What the parent says. */
export interface NetworkOrder {
  readonly number: number;
  /** Port by node; 0 where it does not run. */
  readonly ports: Readonly<Record<NodeId, number>>;
  readonly passages: readonly PassageState[];
}

/** The number of the order that now holds; before any, what the links listen on. */
export type NetworkAnswer =
  | { readonly number: number }
  | { readonly links: readonly { readonly from: NodeId; readonly to: NodeId; readonly port: number }[] };

const gates = new Map<string, WayGate>();
const gateOf = (from: NodeId, to: NodeId): WayGate => {
  const name = `${from} ${to}`;
  const gate = gates.get(name) ?? new WayGate();
  gates.set(name, gate);
  return gate;
};
const links = NODE_IDS.flatMap((from) =>
  NODE_IDS.map((to) => ({ from, to, link: new Link(gateOf(from, to), gateOf(to, from)) })),
);
const answer = (message: NetworkAnswer) => void process.send?.(message);

process.on('message', ({ number, ports, passages }: NetworkOrder) => {
  for (const { from, to, passage, delayMs } of passages) gateOf(from, to).set(passage, delayMs);
  for (const { to, link } of links) {
    link.setTarget(ports[to]);
    link.enforce();
  }
  answer({ number });
});
process.once('disconnect', () => {
  for (const { link } of links) link.close();
});
answer({
  links: await Promise.all(
    links.map(async ({ from, to, link }) => ({ from, to, port: await link.listen() })),
  ),
});
