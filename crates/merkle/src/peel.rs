//! Peeling: takes the items out of the difference of two sketches.
//!
//! A cell that holds one item alone shows it. Taken out of all its symbols, it
//! may leave other cells with one item, and so on until every cell is empty:
//!
//! ```text
//! symbol   0      1      2                    0     1     2              0  1  2
//!        a+b-c   a+b    b        -- b -->    a-c    a     .   -- a -->  -c  .  .  -- -c --> done
//! ```
//!
//! The symbols come from a peer that may be wrong or hostile. Everything that
//! comes out is checked: the check matches, the counter is one, the item is mapped
//! to the cell that showed it, and it came out for the first time. Each item also
//! uses up one symbol, so that the loop ends whatever the cells hold.

use std::collections::BTreeSet;

use crate::error::{KernelError, check_length};
use crate::mapping::{Mapping, item_hash};
use crate::sketch::{CELL_BYTES, COUNTER_MAX, Cell, check_symbols};

/// Numbers in the progress of a decoding: symbols peeled, items found, cells not empty.
pub const PROGRESS_LENGTH: usize = 3;

/// Peels as far as the cells allow, and updates all three buffers:
///
/// - `cells`: the symbols of a difference from the first on. Those after the first
///   `progress[0]` are new, and still hold the items found before;
/// - `items`, of the same length: the `progress[1]` items found, each as the cell
///   that holds it alone, of count 1 (left side only) or -1 (right side only). Those
///   of one call are sorted by counter, then tag prefix;
/// - `progress`: all zero at the start. When `progress[2]` is 0, all items are found.
pub fn peel_sketch(cells: &mut [u8], items: &mut [u8], progress: &mut [u32]) -> Result<(), KernelError> {
    let symbols = check_symbols("cells", 0, cells.len())?;
    check_length("items", items.len(), cells.len())?;
    check_length("progress", progress.len(), PROGRESS_LENGTH)?;
    let (peeled, found) = (progress[0] as usize, progress[1] as usize);
    if peeled > symbols || found > symbols {
        return Err(KernelError::ProgressBeyondSymbols { peeled, found, symbols });
    }

    let (cells, _) = cells.as_chunks_mut();
    let (items, _) = items.as_chunks_mut();
    let mut peeling = Peeling::new(cells, found);
    for (position, item) in items.iter().take(found).enumerate() {
        peeling.take_known(Cell::read(item), position, peeled)?;
    }
    peeling.run()?;

    for (cell, out) in peeling.cells.iter().zip(cells) {
        *out = cell.bytes();
    }
    // By counter, so that the holder reads its records in order.
    peeling.found.sort_unstable_by_key(identity);
    for (item, out) in peeling.found.iter().zip(&mut items[found..]) {
        *out = item.bytes();
    }
    progress[0] = symbols as u32;
    progress[1] = peeling.seen.len() as u32;
    progress[2] = peeling.cells.iter().filter(|cell| !cell.is_empty()).count() as u32;
    Ok(())
}

/// The work on a copy, so that a refusal leaves the buffers of the caller as they were.
struct Peeling {
    cells: Vec<Cell>,
    /// Symbols that may show an item.
    waiting: Vec<usize>,
    /// A set that no choice of items makes slow.
    seen: BTreeSet<(u64, u64)>,
    /// The items found in this call.
    found: Vec<Cell>,
}

impl Peeling {
    fn new(cells: &[[u8; CELL_BYTES]], found: usize) -> Self {
        let cells: Vec<Cell> = cells.iter().map(Cell::read).collect();
        let room = cells.len() - found;
        Self { cells, waiting: Vec::new(), seen: BTreeSet::new(), found: Vec::with_capacity(room) }
    }

    /// Takes an item of an earlier call out of the symbols that came after it.
    fn take_known(&mut self, item: Cell, position: usize, peeled: usize) -> Result<(), KernelError> {
        let hash = sole_item(&item).ok_or(KernelError::NotAnItem { item: position })?;
        self.note_seen(&item)?;
        let mut mapping = Mapping::new(hash);
        mapping.advance_to(peeled);
        while mapping.index() < self.cells.len() {
            self.cells[mapping.index()] = self.cells[mapping.index()].plus(item.negated());
            mapping.advance();
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), KernelError> {
        self.waiting = (0..self.cells.len()).rev().filter(|&symbol| self.may_show(symbol)).collect();
        while let Some(symbol) = self.waiting.pop() {
            let item = self.cells[symbol];
            let Some(hash) = sole_item(&item) else { continue };
            if self.seen.len() == self.cells.len() {
                return Err(KernelError::MoreItemsThanSymbols { symbols: self.cells.len() });
            }
            self.note_seen(&item)?;
            self.take_out(item, hash, symbol)?;
            self.found.push(item);
        }
        Ok(())
    }

    fn take_out(&mut self, item: Cell, hash: u64, shown_by: usize) -> Result<(), KernelError> {
        let change = item.negated();
        let mut mapping = Mapping::new(hash);
        while mapping.index() < self.cells.len() {
            let symbol = mapping.index();
            self.cells[symbol] = self.cells[symbol].plus(change);
            if self.may_show(symbol) {
                self.waiting.push(symbol);
            }
            mapping.advance();
        }
        // Where the item is mapped to the symbol that showed it, it was the only one there.
        if self.cells[shown_by].is_empty() {
            Ok(())
        } else {
            Err(KernelError::ItemNotMapped { symbol: shown_by })
        }
    }

    fn note_seen(&mut self, item: &Cell) -> Result<(), KernelError> {
        let (counter, tag_prefix) = identity(item);
        if self.seen.insert((counter, tag_prefix)) { Ok(()) } else { Err(KernelError::ItemTwice { counter }) }
    }

    fn may_show(&self, symbol: usize) -> bool {
        self.cells[symbol].count().unsigned_abs() == 1
    }
}

/// The hash of the item that the cell holds alone, if it does.
fn sole_item(cell: &Cell) -> Option<u64> {
    if cell.count().unsigned_abs() != 1 {
        return None;
    }
    let (counter, tag_prefix) = identity(cell);
    let hash = item_hash(counter, tag_prefix);
    let alone = Cell::of(counter, tag_prefix, hash);
    let matches = *cell == if cell.count() == 1 { alone } else { alone.negated() };
    (counter <= COUNTER_MAX && matches).then_some(hash)
}

/// Counter and tag prefix of a cell of count 1 or -1.
fn identity(cell: &Cell) -> (u64, u64) {
    let positive = if cell.count() == 1 { *cell } else { cell.negated() };
    (positive.counters(), positive.tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Sign;
    use crate::sketch::add_to_sketch;

    /// Spreads numbers, as the tags of records are spread.
    fn tag(item: u64) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&item_hash(item, item).to_le_bytes());
        bytes
    }

    fn add(cells: &mut [u8], first: usize, items: std::ops::Range<u64>, sign: Sign) {
        let counters: Vec<f64> = items.clone().map(|item| item as f64).collect();
        let tags: Vec<u8> = items.flat_map(tag).collect();
        add_to_sketch(cells, first, &counters, &tags, sign).unwrap();
    }

    /// The counters found, negative on the right side, ascending.
    fn counters(items: &[u8], progress: &[u32]) -> Vec<i64> {
        let found = items.as_chunks().0.iter().take(progress[1] as usize).map(Cell::read);
        let mut counters: Vec<i64> =
            found.map(|item| identity(&item).0 as i64 * i64::from(item.count())).collect();
        counters.sort_unstable();
        counters
    }

    fn difference(symbols: usize) -> Vec<u8> {
        let mut cells = vec![0; symbols * CELL_BYTES];
        add(&mut cells, 0, 1..61, Sign::Add);
        add(&mut cells, 0, 61..101, Sign::Remove);
        cells
    }

    #[test]
    fn both_sides_come_out_at_once() {
        let mut cells = difference(300);
        let mut items = vec![0; cells.len()];
        let mut progress = [0; PROGRESS_LENGTH];
        peel_sketch(&mut cells, &mut items, &mut progress).unwrap();
        assert_eq!(progress, [300, 100, 0]);
        let expected: Vec<i64> = (-100..=-61).chain(1..=60).collect();
        assert_eq!(counters(&items, &progress), expected);
    }

    #[test]
    fn symbols_may_arrive_in_pieces() {
        let all = difference(300);
        let (mut cells, mut items, mut progress) = (Vec::new(), Vec::new(), [0; PROGRESS_LENGTH]);
        for piece in all.chunks(30 * CELL_BYTES) {
            cells.extend(piece);
            items.resize(cells.len(), 0);
            peel_sketch(&mut cells, &mut items, &mut progress).unwrap();
        }
        assert_eq!(progress[1..], [100, 0]);
    }

    #[test]
    fn too_few_symbols_leave_cells_that_hold_something() {
        let mut cells = difference(20);
        let (mut items, mut progress) = (vec![0; cells.len()], [0; PROGRESS_LENGTH]);
        peel_sketch(&mut cells, &mut items, &mut progress).unwrap();
        assert!(progress[2] > 0);
    }

    fn refused(cells: &[u8], expected: KernelError) {
        let (mut changed, mut items, mut progress) = (cells.to_vec(), vec![7; cells.len()], [0; 3]);
        assert_eq!(peel_sketch(&mut changed, &mut items, &mut progress), Err(expected));
        assert!(!expected.is_misuse());
        assert_eq!((changed, items, progress), (cells.to_vec(), vec![7; cells.len()], [0; 3]));
    }

    #[test]
    fn an_item_in_only_one_of_its_symbols_is_refused() {
        let one_of_many = (0..1000u64).find(|&item| {
            let mut mapping = Mapping::new(item_hash(item, item_hash(item, item)));
            mapping.advance();
            mapping.index() < 4
        });
        let item = one_of_many.unwrap();
        let mut cells = vec![0; 4 * CELL_BYTES];
        add(&mut cells[..CELL_BYTES], 0, item..item + 1, Sign::Add);
        refused(&cells, KernelError::ItemTwice { counter: item });
    }

    #[test]
    fn an_item_in_a_symbol_that_it_is_not_mapped_to_is_refused() {
        let elsewhere = (0..1000u64).find(|&item| {
            let mut mapping = Mapping::new(item_hash(item, item_hash(item, item)));
            mapping.advance();
            mapping.index() > 1
        });
        let item = elsewhere.unwrap();
        let mut cells = vec![0; 2 * CELL_BYTES];
        add(&mut cells[..CELL_BYTES], 0, item..item + 1, Sign::Add);
        cells.rotate_right(CELL_BYTES);
        refused(&cells, KernelError::ItemNotMapped { symbol: 1 });
    }

    #[test]
    fn bad_shapes_are_refused() {
        let mut cells = [0; 2 * CELL_BYTES];
        let mut items = cells;
        for mut progress in [[3, 0, 0], [2, 3, 0], [u32::MAX, 0, 0]] {
            let error = peel_sketch(&mut cells, &mut items, &mut progress).unwrap_err();
            assert!(matches!(error, KernelError::ProgressBeyondSymbols { .. }));
        }
        assert_eq!(
            peel_sketch(&mut cells, &mut items, &mut [2, 1, 0]),
            Err(KernelError::NotAnItem { item: 0 })
        );
        assert!(peel_sketch(&mut cells, &mut items[1..], &mut [0; 3]).is_err());
        assert!(peel_sketch(&mut cells[1..], &mut items[1..], &mut [0; 3]).is_err());
        assert!(peel_sketch(&mut cells, &mut items, &mut [0; 2]).is_err());
    }
}
