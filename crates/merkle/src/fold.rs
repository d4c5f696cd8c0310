//! Folding: rows into the rows above them, which is how a level is made from the one
//! below, and the leaves of a Merkle tree from segments.

use crate::diff::{INDEXED_ROW_BYTES, check_list};
use crate::error::KernelError;
use crate::rows::{COUNT, LANE_0, LANE_1, ROW_BYTES, add_u64, check_packed, read_u64};

/// Adds each indexed row to a row of the packed `rows`: index i to row i / `span`, from a
/// level to one above it, or to the leaves of a Merkle tree. Sums and counts wrap.
pub fn fold_rows(indexed_rows: &[u8], span: u64, rows: &mut [u8]) -> Result<(), KernelError> {
    check_list("indexedRows", indexed_rows)?;
    check_packed("rows", rows.len())?;
    let rows_count = rows.len() / ROW_BYTES;
    if span == 0 {
        return Err(KernelError::SpanZero);
    }
    let row_of = |indexed_row: &[u8]| read_u64(indexed_row, 0) / span;
    let outside = |indexed_row: &[u8]| row_of(indexed_row) >= rows_count as u64;
    if let Some(position) = indexed_rows.chunks_exact(INDEXED_ROW_BYTES).position(outside) {
        return Err(KernelError::FoldOutOfRange { position, rows: rows_count });
    }
    for indexed_row in indexed_rows.chunks_exact(INDEXED_ROW_BYTES) {
        let row = row_of(indexed_row) as usize;
        for lane in [LANE_0, LANE_1, COUNT] {
            add_u64(rows, row * ROW_BYTES + lane, read_u64(indexed_row, 8 + lane));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lane_0: u64, lane_1: u64, count: u64) -> Vec<u8> {
        [lane_0, lane_1, count].iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn rows_fold_into_those_above_them() {
        let indexed = |index: u64, row: Vec<u8>| [index.to_le_bytes().to_vec(), row].concat();
        let list =
            [indexed(0, row(1, 2, 3)), indexed(3, row(u64::MAX, 1, 1)), indexed(4, row(5, 6, 7))].concat();
        let mut rows = [row(10, 10, 10), row(0, 0, 0)].concat();
        fold_rows(&list, 4, &mut rows).unwrap();
        assert_eq!(rows, [row(10, 13, 14), row(5, 6, 7)].concat());
        for (span, rows_length) in [(0, 48), (3, 24), (4, 24), (4, 47)] {
            assert!(fold_rows(&list, span, &mut rows[..rows_length]).is_err());
        }
        assert_eq!(rows, [row(10, 13, 14), row(5, 6, 7)].concat());
    }
}
