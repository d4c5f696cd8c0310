// All vectors as checks, wherever their files are read from.
import type { Case, Refusable } from './cases.js';
import { digestCases as digest } from './digest-cases.js';
import { sketchCases as sketch } from './sketch-cases.js';
import { treeCases as tree } from './tree-cases.js';

/** `read` gives the text of a call's file. */
export function allCases(read: (call: string) => string): Case[] {
  const casesOf = <Vector extends Refusable>(call: string, toCheck: (vector: Vector) => Case['check']) => {
    const vectors: Vector[] = JSON.parse(read(call));
    if (vectors.length === 0) throw new Error(`there are no vectors of ${call}`);
    return vectors.map((vector) => ({ name: `${call}: ${vector.name}`, check: toCheck(vector) }));
  };
  return [
    ...casesOf('deriveKey', digest.deriveKey),
    ...casesOf('tags', digest.tags),
    ...casesOf('groupTags', digest.groupTags),
    ...casesOf('addTags', digest.addTags),
    ...casesOf('sumRows', digest.sumRows),
    ...casesOf('diffRows', digest.diffRows),
    ...casesOf('foldRows', digest.foldRows),
    ...casesOf('merkleTree', tree.merkleTree),
    ...casesOf('diffTrees', tree.diffTrees),
    ...casesOf('merklePath', tree.merklePath),
    ...casesOf('verifyPath', tree.verifyPath),
    ...casesOf('addToSketch', sketch.addToSketch),
    ...casesOf('subtractSketch', sketch.subtractSketch),
    ...casesOf('peelSketch', sketch.peelSketch),
    ...casesOf('encodeSymbols', sketch.encodeSymbols),
    ...casesOf('decodeSymbols', sketch.decodeSymbols),
  ];
}
