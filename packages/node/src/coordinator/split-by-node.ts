/** Splits what a call asks for by the node to ask, asks all of them at once, and puts the answers back in order. */

export interface NodeRoutes<Item, Answer> {
  /** Throws where no node can be asked. */
  nodeOf(item: Item): string;
  /** One answer for each item, in order. */
  ask(nodeId: string, items: Item[]): Promise<Answer[]>;
  /** What becomes of an item for which no node was asked. */
  notAsked(thrown: unknown): Answer;
  /** What becomes of the items of a node that did not answer. */
  unanswered(thrown: unknown): Answer;
  /** What becomes of an item that a node left out of its answer. */
  readonly leftOut: Answer;
}

export async function splitByNode<Item, Answer>(
  items: readonly Item[],
  routes: NodeRoutes<Item, Answer>,
): Promise<Answer[]> {
  const answers = new Array<Answer>(items.length).fill(routes.leftOut);
  const byNode = new Map<string, { items: Item[]; places: number[] }>();
  for (let place = 0; place < items.length; place++) {
    const item = items[place] as Item;
    try {
      const node = routes.nodeOf(item);
      const part = byNode.get(node);
      if (part === undefined) byNode.set(node, { items: [item], places: [place] });
      else {
        part.items.push(item);
        part.places.push(place);
      }
    } catch (thrown) {
      answers[place] = routes.notAsked(thrown);
    }
  }
  await Promise.all(
    [...byNode].map(async ([node, part]) => {
      const given = await routes.ask(node, part.items).catch((thrown: unknown) => {
        const answer = routes.unanswered(thrown);
        return part.items.map(() => answer);
      });
      const { places } = part;
      for (let i = 0; i < places.length; i++) answers[places[i] as number] = given[i] ?? routes.leftOut;
    }),
  );
  return answers;
}
