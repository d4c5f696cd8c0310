/**
 * The order of numbers, such as counters or arrival numbers, without an object or a call for each: what is looked up in
 * the order of the tree is found in pages that are at hand.
 */

/** So few are put in order where they lie. */
const FEW = 16;
const EXACT_MAX = 2 ** 53;

/** Puts the places of so many numbers, which are integers from 0, into `places`, by ascending number. */
export function sortPlaces(numbers: Float64Array, count: number, places: Uint32Array): void {
  for (let i = 0; i < count; i++) places[i] = i;
  if (isAscending(numbers, count)) return;
  if (count <= FEW) {
    sortFew(numbers, count, places);
    return;
  }
  const scale = 2 ** Math.ceil(Math.log2(count));
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < count; i++) {
    const number = numbers[i] as number;
    if (number < least) least = number;
    if (number > most) most = number;
  }
  if ((most - least + 1) * scale > EXACT_MAX) {
    const wide = places.subarray(0, count);
    wide.sort((a, b) => (numbers[a] as number) - (numbers[b] as number) || a - b);
    return;
  }
  // A number and its place are one number: such are sorted without a comparison of ours.
  const placed = new Float64Array(count);
  for (let i = 0; i < count; i++) placed[i] = ((numbers[i] as number) - least) * scale + i;
  placed.sort();
  for (let i = 0; i < count; i++) places[i] = (placed[i] as number) % scale;
}

function isAscending(numbers: Float64Array, count: number): boolean {
  for (let i = 1; i < count; i++) if ((numbers[i - 1] as number) > (numbers[i] as number)) return false;
  return true;
}

function sortFew(numbers: Float64Array, count: number, places: Uint32Array): void {
  for (let i = 1; i < count; i++) {
    const place = places[i] as number;
    const number = numbers[place] as number;
    let at = i;
    for (; at > 0 && (numbers[places[at - 1] as number] as number) > number; at--)
      places[at] = places[at - 1] as number;
    places[at] = place;
  }
}
