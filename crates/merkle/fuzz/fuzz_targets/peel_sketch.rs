//! Peeling: whatever the cells hold, it ends, and what it takes out adds up with what is left.
//! Input: how many symbols arrive at once (1 byte), then instructions that make a difference of two
//! sketches: 0 and 1 add an item to a side (9 bytes), all others lay raw bytes over a cell (25 bytes).
#![no_main]

use libfuzzer_sys::fuzz_target;
use mendlog_merkle::{CELL_BYTES, PROGRESS_LENGTH, Sign, add_to_sketch, peel_sketch, subtract_sketch};

const SYMBOLS: usize = 48;

fuzz_target!(|input: &[u8]| {
    let Some((&piece, mut rest)) = input.split_first() else { return };
    let mut cells = vec![0; SYMBOLS * CELL_BYTES];
    while let Some((&instruction, after)) = rest.split_first() {
        rest = after;
        if instruction < 2 {
            let Some((item, after)) = rest.split_first_chunk::<9>() else { break };
            rest = after;
            let mut tag = [0; 16];
            tag[..8].copy_from_slice(&item[1..]);
            let sign = if instruction == 0 { Sign::Add } else { Sign::Remove };
            add_to_sketch(&mut cells, 0, &[f64::from(item[0])], &tag, sign).unwrap();
        } else {
            let Some((bytes, after)) = rest.split_first_chunk::<CELL_BYTES>() else { break };
            rest = after;
            cells[usize::from(instruction) % SYMBOLS * CELL_BYTES..][..CELL_BYTES].copy_from_slice(bytes);
        }
    }

    let piece = usize::from(piece) % SYMBOLS + 1;
    let (mut left, mut items, mut progress) = (Vec::new(), Vec::new(), [0; PROGRESS_LENGTH]);
    for arrived in cells.chunks(piece * CELL_BYTES) {
        left.extend(arrived);
        items.resize(left.len(), 0);
        let before = (left.clone(), items.clone(), progress);
        if let Err(error) = peel_sketch(&mut left, &mut items, &mut progress) {
            assert!(!error.is_misuse());
            assert_eq!((left, items, progress), before);
            return;
        }
        assert!(progress[1] <= progress[0]);
    }

    // What was taken out, put back: the cells that came in, but for the byte that no cell has.
    let mut sum = left.clone();
    for item in items.chunks_exact(CELL_BYTES).take(progress[1] as usize) {
        put_back(&mut sum, item);
    }
    subtract_sketch(&mut sum, &cells).unwrap();
    assert!(sum.iter().all(|&byte| byte == 0));
});

/// The item of a cell that holds it alone, added on its side.
fn put_back(cells: &mut [u8], item: &[u8]) {
    let word = |at: usize| u64::from_le_bytes(item[at..at + 8].try_into().unwrap());
    let here = word(16) as u32 == 1;
    let value = |word: u64| if here { word } else { word.wrapping_neg() };
    let counter = value(word(0)) >> 8;
    let mut tag = [0; 16];
    tag[..8].copy_from_slice(&value(word(8)).to_le_bytes());
    let sign = if here { Sign::Add } else { Sign::Remove };
    add_to_sketch(cells, 0, &[counter as f64], &tag, sign).unwrap();
}
