/** @peerbit/riblt: an encoder a side, filled with every id, and symbols until the decoder is done. */
import { EncoderWrapper, ready } from '@peerbit/riblt';
import type { Reconciliation } from './reconciliation.js';
import { itemsOf, milliseconds, type Records } from './records.js';

/**
 * Bytes of a symbol at the identity width of Mendlog's sketch: 15 of identity (its own is 8), 8 of hash, and 3 of count,
 * which is what the counts of a million items take as varints.
 */
const SYMBOL_BYTES = 15 + 8 + 3;
const SYMBOLS_MAX = 65_536;

export async function reconcileWithPeerbit(here: Records, there: Records): Promise<Reconciliation> {
  await ready;
  const [encoder, buildMs] = milliseconds(() => encoderOf(here));
  const other = encoderOf(there);
  let symbols = 0;
  const [found, cpuMs] = milliseconds(() => {
    const decoder = encoder.to_decoder();
    do {
      decoder.add_coded_symbol(other.produce_next_coded_symbol());
      decoder.try_decode();
      symbols += 1;
    } while (!decoder.decoded() && symbols < SYMBOLS_MAX);
    const items = decoder.get_local_symbols().length + decoder.get_remote_symbols().length;
    decoder.free();
    return items;
  });
  other.free();
  encoder.free();
  return { bytes: symbols * SYMBOL_BYTES, cpuMs, buildMs, found };
}

function encoderOf(records: Records): EncoderWrapper {
  const encoder = new EncoderWrapper();
  for (const { tag } of itemsOf(records)) {
    encoder.add_symbol(new DataView(tag.buffer, tag.byteOffset).getBigUint64(0, true));
  }
  return encoder;
}
