//! A message of symbols: what is taken has one form, so it is encoded to the same bytes.
//! Input: the first symbol (3 bytes), the room in symbols (1 byte), the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mendlog_merkle::{CELL_BYTES, decode_symbols, encode_symbols, symbols_bytes_max};

fuzz_target!(|input: &[u8]| {
    let Some((&[low, middle, high, room], message)) = input.split_first_chunk::<4>() else { return };
    let first = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    let mut cells = vec![0; usize::from(room) * CELL_BYTES];
    let Ok(symbols) = decode_symbols(message, first, &mut cells) else {
        assert!(cells.iter().all(|&byte| byte == 0));
        return;
    };
    let mut again = vec![0; symbols_bytes_max(symbols)];
    let length = encode_symbols(&cells[..symbols * CELL_BYTES], first, &mut again).unwrap();
    assert_eq!(&again[..length], message);
});
