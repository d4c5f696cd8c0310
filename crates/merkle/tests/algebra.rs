//! The algebra of digests, on random sets: order does not matter, removal undoes addition,
//! and a difference is the difference of the sets.
//!
//! A failing case is shrunk and printed; `PROPTEST_RNG_SEED` replays a run.

use std::collections::BTreeSet;

use mendlog_merkle::{
    CELL_BYTES, INDEXED_ROW_BYTES, PROGRESS_LENGTH, ROW_BYTES, Sign, add_tags, add_to_sketch, decode_symbols,
    diff_rows, encode_symbols, fold_rows, peel_sketch, subtract_sketch, sum_rows, symbols_bytes_max,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// Counter and tag prefix.
type Item = (u64, u64);

fn item() -> impl Strategy<Value = Item> {
    (0..=(1u64 << 53) - 1, any::<u64>())
}

fn add<'a>(cells: &mut [u8], first: usize, items: impl IntoIterator<Item = &'a Item>, sign: Sign) {
    let (counters, tags): (Vec<f64>, Vec<[u64; 2]>) =
        items.into_iter().map(|&(counter, prefix)| (counter as f64, [prefix, !prefix])).unzip();
    let tags: Vec<u8> = tags.iter().flatten().flat_map(|lane| lane.to_le_bytes()).collect();
    add_to_sketch(cells, first, &counters, &tags, sign).unwrap();
}

fn sketch<'a>(symbols: usize, items: impl IntoIterator<Item = &'a Item>) -> Vec<u8> {
    let mut cells = vec![0; symbols * CELL_BYTES];
    add(&mut cells, 0, items, Sign::Add);
    cells
}

/// The items found on each side.
fn sides(items: &[u8], found: u32) -> (BTreeSet<Item>, BTreeSet<Item>) {
    let (mut left, mut right) = (BTreeSet::new(), BTreeSet::new());
    for cell in items.chunks_exact(CELL_BYTES).take(found as usize) {
        let word = |at: usize| u64::from_le_bytes(cell[at..at + 8].try_into().unwrap());
        let is_left = word(16) as u32 == 1;
        let value = |word: u64| if is_left { word } else { word.wrapping_neg() };
        let side = if is_left { &mut left } else { &mut right };
        assert!(side.insert((value(word(0)) >> 8, value(word(8)))));
    }
    (left, right)
}

fn rows_of(tagged: &[(u32, [u8; 16])], rows: &mut [u8], sign: Sign) {
    let row_of: Vec<u32> = tagged.iter().map(|&(row, _)| row).collect();
    let tags: Vec<u8> = tagged.iter().flat_map(|(_, tag)| *tag).collect();
    add_tags(rows, &row_of, &tags, sign).unwrap();
}

fn indexed(rows: &[u8]) -> Vec<u8> {
    let with_index = |(index, row): (usize, &[u8])| [&(index as u64).to_le_bytes()[..], row].concat();
    rows.chunks_exact(ROW_BYTES).enumerate().flat_map(with_index).collect()
}

proptest! {
    #[test]
    fn a_sketch_does_not_depend_on_order_and_removal_undoes_addition(
        items in vec(item(), 0..40),
        seed in any::<u64>(),
        symbols in 0usize..64,
        first in 0usize..2000,
    ) {
        let mut shuffled = items.clone();
        shuffled.sort_by_key(|&(counter, prefix)| (counter ^ prefix ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut cells = vec![0; symbols * CELL_BYTES];
        add(&mut cells, first, &items, Sign::Add);
        let mut other = vec![0; symbols * CELL_BYTES];
        add(&mut other, first, &shuffled, Sign::Add);
        prop_assert_eq!(&cells, &other);
        add(&mut cells, first, &shuffled, Sign::Remove);
        prop_assert!(cells.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_difference_peels_to_the_difference_of_the_sets(
        all in btree_set(item(), 0..120),
        membership in vec(0u8..8, 120),
        piece in 1usize..80,
    ) {
        // Of eight items about one is on the left alone, one on the right alone.
        let in_left: BTreeSet<Item> =
            all.iter().zip(&membership).filter(|pair| *pair.1 != 0).map(|pair| *pair.0).collect();
        let in_right: BTreeSet<Item> =
            all.iter().zip(&membership).filter(|pair| *pair.1 != 1).map(|pair| *pair.0).collect();
        let symbols = 400;
        let mut difference = sketch(symbols, &in_left);
        subtract_sketch(&mut difference, &sketch(symbols, &in_right)).unwrap();

        let (mut cells, mut items, mut progress) = (Vec::new(), Vec::new(), [0; PROGRESS_LENGTH]);
        for arrived in difference.chunks(piece * CELL_BYTES) {
            cells.extend(arrived);
            items.resize(cells.len(), 0);
            peel_sketch(&mut cells, &mut items, &mut progress).unwrap();
        }
        prop_assert_eq!(progress[2], 0);
        let (left, right) = sides(&items, progress[1]);
        prop_assert_eq!(left, in_left.difference(&in_right).copied().collect());
        prop_assert_eq!(right, in_right.difference(&in_left).copied().collect());
    }

    #[test]
    fn messages_carry_any_cells(words in vec(any::<[u64; 3]>(), 0..40), first in 0usize..5000) {
        let mut cells: Vec<u8> = words.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        // The lowest byte of the counters is not part of a cell.
        cells.chunks_exact_mut(CELL_BYTES).for_each(|cell| cell[0] = 0);
        let mut message = vec![0; symbols_bytes_max(words.len())];
        let length = encode_symbols(&cells, first, &mut message).unwrap();
        let mut out = vec![0; cells.len()];
        prop_assert_eq!(decode_symbols(&message[..length], first, &mut out), Ok(words.len()));
        prop_assert_eq!(out, cells);
    }

    #[test]
    fn rows_do_not_depend_on_order_and_sum_up_level_by_level(
        tagged in vec((0u32..12, any::<[u8; 16]>()), 0..60),
        span in 1u64..13,
    ) {
        let mut rows = vec![0; 12 * ROW_BYTES];
        rows_of(&tagged, &mut rows, Sign::Add);
        let reversed: Vec<_> = tagged.iter().rev().copied().collect();
        let mut other = vec![0; 12 * ROW_BYTES];
        rows_of(&reversed, &mut other, Sign::Add);
        prop_assert_eq!(&rows, &other);

        let mut upper = vec![0; 12 * ROW_BYTES];
        fold_rows(&indexed(&rows), span, &mut upper).unwrap();
        let (mut sum, mut upper_sum) = ([0; ROW_BYTES], [0; ROW_BYTES]);
        sum_rows(&rows, &mut sum).unwrap();
        sum_rows(&upper, &mut upper_sum).unwrap();
        prop_assert_eq!(sum, upper_sum);

        rows_of(&reversed, &mut rows, Sign::Remove);
        prop_assert!(rows.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn rows_differ_exactly_where_their_records_do(
        shared in vec((0u32..12, any::<[u8; 16]>()), 0..40),
        left_only in vec((0u32..12, any::<[u8; 16]>()), 0..6),
    ) {
        let (mut left, mut right) = (vec![0; 12 * ROW_BYTES], vec![0; 12 * ROW_BYTES]);
        rows_of(&shared, &mut left, Sign::Add);
        rows_of(&shared, &mut right, Sign::Add);
        rows_of(&left_only, &mut left, Sign::Add);
        let mut found = [0.0; 12];
        let count = diff_rows(&indexed(&left), &indexed(&right), &mut found).unwrap();
        let expected: BTreeSet<u64> = left_only.iter().map(|&(row, _)| u64::from(row)).collect();
        let actual: BTreeSet<u64> = found[..count].iter().map(|&index| index as u64).collect();
        prop_assert_eq!(indexed(&left).len(), 12 * INDEXED_ROW_BYTES);
        prop_assert_eq!(actual, expected);
    }
}
