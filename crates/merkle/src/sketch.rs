//! The sketch: a rateless invertible Bloom lookup table that is kept up to date.
//!
//! A sketch is a prefix of an endless list of symbols. A symbol sums up the items
//! that are mapped to it (see `mapping`); an item is a record's counter and the
//! first 8 bytes of its tag:
//!
//! ```text
//! cell (24 bytes, little-endian): [ counters u64 | tag prefixes u64 | seals u64 ]
//! an item's:                      [ counter << 8 | tag prefix       | check << 32, 1 ]
//! ```
//!
//! So the low half of the seals is the signed count of the items, the sum of counters
//! wraps at 56 bits (7 bytes of a message), and three additions maintain a cell. All
//! sums wrap. So items come and go in any order, and the difference of two sketches is
//! the sketch of the items that only one of them holds: `peel` takes those out again.
//! Sums in place of the usual XOR, because an item that is inserted twice must show.

use std::array;

use crate::error::{KernelError, check_length};
use crate::keyed_hash::TAG_BYTES;
use crate::mapping::{Mapping, item_hash};
use crate::rows::{Sign, read_u64};

/// Bytes of a cell, and of an item that was found.
pub const CELL_BYTES: usize = 24;

/// No sketch is longer than 2^20 symbols (24 MiB).
pub const SKETCH_SYMBOLS_MAX: usize = 1 << 20;

/// The largest counter: the largest integer that a JavaScript number holds exactly.
pub const COUNTER_MAX: u64 = (1 << 53) - 1;

const COUNTER_SHIFT: u32 = 8;

/// A symbol in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub counters: u64,
    pub tags: u64,
    pub seals: u64,
}

impl Cell {
    /// The cell of one item.
    pub fn of(counter: u64, tag_prefix: u64, hash: u64) -> Self {
        Self { counters: counter << COUNTER_SHIFT, tags: tag_prefix, seals: (hash >> 32 << 32) | 1 }
    }

    /// The sum of the counters of its items, modulo 2^56.
    pub fn counters(&self) -> u64 {
        self.counters >> COUNTER_SHIFT
    }

    /// How many items it holds; those of the right side of a difference count negative.
    pub fn count(&self) -> i32 {
        self.seals as u32 as i32
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            counters: self.counters.wrapping_add(other.counters),
            tags: self.tags.wrapping_add(other.tags),
            seals: self.seals.wrapping_add(other.seals),
        }
    }

    pub fn negated(self) -> Self {
        Self {
            counters: self.counters.wrapping_neg(),
            tags: self.tags.wrapping_neg(),
            seals: self.seals.wrapping_neg(),
        }
    }

    pub fn read(bytes: &[u8; CELL_BYTES]) -> Self {
        Self { counters: read_u64(bytes, 0), tags: read_u64(bytes, 8), seals: read_u64(bytes, 16) }
    }

    pub fn bytes(&self) -> [u8; CELL_BYTES] {
        let mut bytes = [0; CELL_BYTES];
        bytes[..8].copy_from_slice(&self.counters.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.tags.to_le_bytes());
        bytes[16..].copy_from_slice(&self.seals.to_le_bytes());
        bytes
    }
}

/// Adds items to, or removes them from, the symbols `first`, `first + 1`, ... whose
/// cells are packed in `cells`. Item i is `counters[i]` and the first 8 bytes of tag i
/// of the packed `tags` (16 bytes each).
pub fn add_to_sketch(
    cells: &mut [u8],
    first: usize,
    counters: &[f64],
    tags: &[u8],
    sign: Sign,
) -> Result<(), KernelError> {
    check_symbols("cells", first, cells.len())?;
    check_length("tags", tags.len(), counters.len().saturating_mul(TAG_BYTES))?;
    if let Some(item) = counters.iter().position(|&counter| !is_counter(counter)) {
        return Err(KernelError::NotACounter { item });
    }
    let (cells, _) = cells.as_chunks_mut();
    let (tags, _) = tags.as_chunks::<TAG_BYTES>();
    let walk = |counter: f64, tag| Walk::new(counter as i64 as u64, read_u64(tag, 0), sign);
    let (counter_groups, counters_left) = counters.as_chunks::<SIDE_BY_SIDE>();
    let (tag_groups, tags_left) = tags.as_chunks::<SIDE_BY_SIDE>();
    for (counters, tags) in counter_groups.iter().zip(tag_groups) {
        let walks: [Walk; SIDE_BY_SIDE] = array::from_fn(|i| walk(counters[i], &tags[i]));
        add_walks(cells, first, walks);
    }
    for (&counter, tag) in counters_left.iter().zip(tags_left) {
        add_walks(cells, first, [walk(counter, tag)]);
    }
    Ok(())
}

/// The steps of one item wait for each other, those of several do not.
const SIDE_BY_SIDE: usize = 4;

/// An item on its way through its symbols.
#[derive(Clone, Copy)]
struct Walk {
    change: Cell,
    mapping: Mapping,
}

impl Walk {
    fn new(counter: u64, tag_prefix: u64, sign: Sign) -> Self {
        let hash = item_hash(counter, tag_prefix);
        let alone = Cell::of(counter, tag_prefix, hash);
        let change = if sign == Sign::Add { alone } else { alone.negated() };
        Self { change, mapping: Mapping::new(hash) }
    }
}

fn add_walks<const WALKS: usize>(cells: &mut [[u8; CELL_BYTES]], first: usize, mut walks: [Walk; WALKS]) {
    if first > 0 {
        step_all(&mut walks, |walk| walk.mapping.index() < first);
    }
    step_all(&mut walks, |walk| match cells.get_mut(walk.mapping.index() - first) {
        Some(cell) => {
            *cell = Cell::read(cell).plus(walk.change).bytes();
            true
        }
        None => false,
    });
}

/// Lets every walk take the steps for which `visit` is true, one of each in turn.
#[inline(always)]
fn step_all<const WALKS: usize>(walks: &mut [Walk; WALKS], mut visit: impl FnMut(&Walk) -> bool) {
    let mut moved = true;
    while moved {
        moved = false;
        for walk in &mut *walks {
            if visit(walk) {
                walk.mapping.advance();
                moved = true;
            }
        }
    }
}

/// Subtracts the symbols of `other` from `cells` in place. Both have one length.
pub fn subtract_sketch(cells: &mut [u8], other: &[u8]) -> Result<(), KernelError> {
    check_symbols("cells", 0, cells.len())?;
    check_length("other", other.len(), cells.len())?;
    let (cells, _) = cells.as_chunks_mut();
    let (others, _) = other.as_chunks();
    for (cell, other) in cells.iter_mut().zip(others) {
        *cell = Cell::read(cell).plus(Cell::read(other).negated()).bytes();
    }
    Ok(())
}

/// The index after the last symbol, where the packed cells begin with symbol `first`.
pub(crate) fn check_symbols(buffer: &'static str, first: usize, length: usize) -> Result<usize, KernelError> {
    if !length.is_multiple_of(CELL_BYTES) {
        return Err(KernelError::Partial { buffer, unit: CELL_BYTES, actual: length });
    }
    match first.checked_add(length / CELL_BYTES) {
        Some(end) if end <= SKETCH_SYMBOLS_MAX => Ok(end),
        _ => Err(KernelError::TooManySymbols { first, symbols: length / CELL_BYTES }),
    }
}

fn is_counter(number: f64) -> bool {
    (0.0..=COUNTER_MAX as f64).contains(&number) && number as i64 as f64 == number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags_of(items: &[(f64, u64)]) -> (Vec<f64>, Vec<u8>) {
        let tags = items.iter().flat_map(|item| [item.1.to_le_bytes(), [0; 8]].concat()).collect();
        (items.iter().map(|item| item.0).collect(), tags)
    }

    fn sketch(symbols: usize, items: &[(f64, u64)]) -> Vec<u8> {
        let (counters, tags) = tags_of(items);
        let mut cells = vec![0; symbols * CELL_BYTES];
        add_to_sketch(&mut cells, 0, &counters, &tags, Sign::Add).unwrap();
        cells
    }

    const ITEMS: [(f64, u64); 4] = [(0.0, 0), (1.0, u64::MAX), (COUNTER_MAX as f64, 1), (250.0, 1 << 63)];

    #[test]
    fn removing_what_was_added_leaves_nothing() {
        let mut cells = sketch(64, &ITEMS);
        let (counters, tags) = tags_of(&[ITEMS[2], ITEMS[0], ITEMS[3], ITEMS[1]]);
        add_to_sketch(&mut cells, 0, &counters, &tags, Sign::Remove).unwrap();
        assert!(cells.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn symbols_made_later_are_those_of_a_longer_sketch() {
        let (counters, tags) = tags_of(&ITEMS);
        let mut later = vec![0; 40 * CELL_BYTES];
        add_to_sketch(&mut later, 24, &counters, &tags, Sign::Add).unwrap();
        assert_eq!(later, sketch(64, &ITEMS)[24 * CELL_BYTES..]);
    }

    #[test]
    fn the_difference_is_the_sketch_of_what_one_side_holds() {
        let mut difference = sketch(64, &ITEMS);
        subtract_sketch(&mut difference, &sketch(64, &ITEMS[1..])).unwrap();
        assert_eq!(difference, sketch(64, &ITEMS[..1]));
    }

    #[test]
    fn an_item_that_is_added_twice_shows() {
        let twice = sketch(8, &[ITEMS[1], ITEMS[1]]);
        let (cells, _) = twice.as_chunks();
        assert_eq!(Cell::read(&cells[0]).count(), 2);
        assert_eq!(Cell::read(&cells[0]).counters(), 2);
    }

    #[test]
    fn bad_shapes_are_refused_before_anything_is_written() {
        let mut cells = vec![0; 2 * CELL_BYTES];
        for counter in [-1.0, 0.5, f64::NAN, f64::INFINITY, 9_007_199_254_740_992.0] {
            let error = add_to_sketch(&mut cells, 0, &[1.0, counter], &[1; 32], Sign::Add).unwrap_err();
            assert_eq!(error, KernelError::NotACounter { item: 1 });
        }
        assert!(add_to_sketch(&mut cells, 0, &[1.0], &[1; 15], Sign::Add).is_err());
        assert!(add_to_sketch(&mut cells[1..], 0, &[1.0], &[1; 16], Sign::Add).is_err());
        for first in [SKETCH_SYMBOLS_MAX - 1, usize::MAX] {
            assert!(add_to_sketch(&mut cells, first, &[1.0], &[1; 16], Sign::Add).is_err());
        }
        assert!(subtract_sketch(&mut cells, &[0; CELL_BYTES]).is_err());
        assert!(cells.iter().all(|&byte| byte == 0));
    }
}
