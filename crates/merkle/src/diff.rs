//! The diff of two lists of digest rows: where two replicas differ.
//!
//! Both lists are sorted by index, so one merge finds all differences:
//!
//! ```text
//! left    3  4     9
//! right      4  7  9'      ->  3 (left only), 7 (right only), 9 (rows differ)
//! ```
//!
//! An absent row counts as an empty one. A list may come from a peer, so it is
//! checked whole before anything is written.

use crate::error::KernelError;
use crate::rows::{ROW_BYTES, read_u64};

/// Bytes of an indexed row: its index as u64, little-endian, then the row.
pub const INDEXED_ROW_BYTES: usize = 8 + ROW_BYTES;

/// The largest index: the largest integer that a JavaScript number holds exactly.
pub const INDEX_MAX: u64 = (1 << 53) - 1;

const EMPTY_ROW: [u8; ROW_BYTES] = [0; ROW_BYTES];

/// Writes the indexes whose rows differ to `indexes_out`, ascending, and returns
/// how many it wrote. A full buffer ends the search, so that a result equal to
/// its length means "at least so many".
pub fn diff_rows(left: &[u8], right: &[u8], indexes_out: &mut [f64]) -> Result<usize, KernelError> {
    check_list("left", left)?;
    check_list("right", right)?;
    let mut lefts = left.chunks_exact(INDEXED_ROW_BYTES).map(split).peekable();
    let mut rights = right.chunks_exact(INDEXED_ROW_BYTES).map(split).peekable();
    let mut found = 0;
    while found < indexes_out.len() {
        let index = match (lefts.peek(), rights.peek()) {
            (None, None) => break,
            (Some(&(index, _)), None) | (None, Some(&(index, _))) => index,
            (Some(&(left_index, _)), Some(&(right_index, _))) => left_index.min(right_index),
        };
        let left_row = lefts.next_if(|row| row.0 == index).map_or(&EMPTY_ROW[..], |row| row.1);
        let right_row = rights.next_if(|row| row.0 == index).map_or(&EMPTY_ROW[..], |row| row.1);
        if left_row != right_row {
            // Exact: check_list refused what an f64 cannot hold.
            indexes_out[found] = index as f64;
            found += 1;
        }
    }
    Ok(found)
}

fn split(indexed_row: &[u8]) -> (u64, &[u8]) {
    (read_u64(indexed_row, 0), &indexed_row[8..])
}

pub(crate) fn check_list(list: &'static str, bytes: &[u8]) -> Result<(), KernelError> {
    if !bytes.len().is_multiple_of(INDEXED_ROW_BYTES) {
        return Err(KernelError::Partial { buffer: list, unit: INDEXED_ROW_BYTES, actual: bytes.len() });
    }
    let mut previous = None;
    for (position, indexed_row) in bytes.chunks_exact(INDEXED_ROW_BYTES).enumerate() {
        let (index, _) = split(indexed_row);
        if index > INDEX_MAX {
            return Err(KernelError::IndexTooLarge { list, position });
        }
        if previous.is_some_and(|previous| index <= previous) {
            return Err(KernelError::IndexNotAscending { list, position });
        }
        previous = Some(index);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[(u64, u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(index, fill) in rows {
            bytes.extend(index.to_le_bytes());
            bytes.extend([fill; ROW_BYTES]);
        }
        bytes
    }

    #[test]
    fn rows_on_one_side_and_rows_that_differ_are_found() {
        let left = list(&[(3, 1), (4, 1), (9, 1)]);
        let right = list(&[(4, 1), (7, 1), (9, 2)]);
        let mut out = [0.0; 8];
        assert_eq!(diff_rows(&left, &right, &mut out), Ok(3));
        assert_eq!(out[..3], [3.0, 7.0, 9.0]);
    }

    #[test]
    fn an_absent_row_equals_an_empty_row() {
        let mut out = [0.0; 4];
        assert_eq!(diff_rows(&list(&[(3, 0)]), &[], &mut out), Ok(0));
    }

    #[test]
    fn a_short_buffer_is_filled() {
        let mut out = [0.0; 2];
        let left = list(&[(1, 1), (2, 1), (INDEX_MAX, 1)]);
        assert_eq!(diff_rows(&left, &[], &mut out), Ok(2));
        assert_eq!(out, [1.0, 2.0]);
        assert_eq!(diff_rows(&left, &[], &mut []), Ok(0));
    }

    #[test]
    fn hostile_lists_are_refused_before_anything_is_written() {
        let good = list(&[(1, 1)]);
        let mut out = [5.0; 4];
        for bad in [
            list(&[(1, 1), (2, 1)])[..40].to_vec(),
            list(&[(2, 1), (1, 1)]),
            list(&[(2, 1), (2, 1)]),
            list(&[(2, 1), (INDEX_MAX + 1, 1)]),
        ] {
            assert!(diff_rows(&bad, &good, &mut out).is_err());
            assert!(diff_rows(&good, &bad, &mut out).is_err());
        }
        assert_eq!(out, [5.0; 4]);
    }
}
