//! Digest rows: sums of tags that stand for the records of a segment.
//!
//! ```text
//! row (24 bytes, little-endian): [ lane 0 sum u64 | lane 1 sum u64 | count u64 ]
//! tag (16 bytes):                [ lane 0     u64 | lane 1     u64 ]
//! ```
//!
//! The sums wrap: addition modulo 2^64 is a group, so a tag that was added can
//! be removed in any order, and the sum of rows is the row of all their records.

use crate::error::{KernelError, check_length};
use crate::keyed_hash::TAG_BYTES;

/// Bytes of a digest row.
pub const ROW_BYTES: usize = 24;

pub(crate) const LANE_0: usize = 0;
pub(crate) const LANE_1: usize = 8;
pub(crate) const COUNT: usize = 16;

/// Whether tags enter rows or leave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Add,
    Remove,
}

impl TryFrom<i32> for Sign {
    type Error = KernelError;

    fn try_from(sign: i32) -> Result<Self, KernelError> {
        match sign {
            1 => Ok(Self::Add),
            -1 => Ok(Self::Remove),
            _ => Err(KernelError::UnknownSign { sign }),
        }
    }
}

/// Adds or removes tags in place: tag i goes to row `row_of[i]` of the packed `rows`.
pub fn add_tags(rows: &mut [u8], row_of: &[u32], tags: &[u8], sign: Sign) -> Result<(), KernelError> {
    check_packed("rows", rows.len())?;
    check_length("tags", tags.len(), row_of.len().saturating_mul(TAG_BYTES))?;
    let rows_count = rows.len() / ROW_BYTES;
    for (tag, &row) in row_of.iter().enumerate() {
        let row = row as usize;
        if row >= rows_count {
            return Err(KernelError::RowOutOfRange { tag, row, rows: rows_count });
        }
    }
    match sign {
        Sign::Add => {
            for &row in row_of {
                add_u64(rows, row as usize * ROW_BYTES + COUNT, 1);
            }
        }
        Sign::Remove => decrement_counts(rows, row_of)?,
    }
    for (&row, tag) in row_of.iter().zip(tags.chunks_exact(TAG_BYTES)) {
        let at = row as usize * ROW_BYTES;
        let (lane_0, lane_1) = (read_u64(tag, 0), read_u64(tag, 8));
        match sign {
            Sign::Add => {
                add_u64(rows, at + LANE_0, lane_0);
                add_u64(rows, at + LANE_1, lane_1);
            }
            Sign::Remove => {
                add_u64(rows, at + LANE_0, lane_0.wrapping_neg());
                add_u64(rows, at + LANE_1, lane_1.wrapping_neg());
            }
        }
    }
    Ok(())
}

/// Writes the sum of packed rows to `row_out`. Counts wrap as the lanes do.
pub fn sum_rows(rows: &[u8], row_out: &mut [u8]) -> Result<(), KernelError> {
    check_packed("rows", rows.len())?;
    check_length("rowOut", row_out.len(), ROW_BYTES)?;
    let (mut lane_0, mut lane_1, mut count) = (0u64, 0u64, 0u64);
    for row in rows.chunks_exact(ROW_BYTES) {
        lane_0 = lane_0.wrapping_add(read_u64(row, LANE_0));
        lane_1 = lane_1.wrapping_add(read_u64(row, LANE_1));
        count = count.wrapping_add(read_u64(row, COUNT));
    }
    write_u64(row_out, LANE_0, lane_0);
    write_u64(row_out, LANE_1, lane_1);
    write_u64(row_out, COUNT, count);
    Ok(())
}

/// A row may lose several tags in one call, so only the running counts tell
/// whether one falls below zero. Where one does, those before it are restored.
fn decrement_counts(rows: &mut [u8], row_of: &[u32]) -> Result<(), KernelError> {
    for (tag, &row) in row_of.iter().enumerate() {
        let at = row as usize * ROW_BYTES + COUNT;
        match read_u64(rows, at).checked_sub(1) {
            Some(count) => write_u64(rows, at, count),
            None => {
                for &done in &row_of[..tag] {
                    add_u64(rows, done as usize * ROW_BYTES + COUNT, 1);
                }
                return Err(KernelError::CountBelowZero { tag, row: row as usize });
            }
        }
    }
    Ok(())
}

pub(crate) fn check_packed(buffer: &'static str, actual: usize) -> Result<(), KernelError> {
    if actual.is_multiple_of(ROW_BYTES) {
        Ok(())
    } else {
        Err(KernelError::Partial { buffer, unit: ROW_BYTES, actual })
    }
}

pub(crate) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn write_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn add_u64(bytes: &mut [u8], at: usize, value: u64) {
    write_u64(bytes, at, read_u64(bytes, at).wrapping_add(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lane_0: u64, lane_1: u64, count: u64) -> Vec<u8> {
        [lane_0, lane_1, count].map(u64::to_le_bytes).concat()
    }

    fn tag(lane_0: u64, lane_1: u64) -> Vec<u8> {
        [lane_0, lane_1].map(u64::to_le_bytes).concat()
    }

    #[test]
    fn tags_go_to_the_rows_that_are_named() {
        let mut rows = [row(0, 0, 0), row(1, 1, 1)].concat();
        let tags = [tag(2, 3), tag(4, 5), tag(6, 7)].concat();
        add_tags(&mut rows, &[1, 0, 1], &tags, Sign::Add).unwrap();
        assert_eq!(rows, [row(4, 5, 1), row(9, 11, 3)].concat());
    }

    #[test]
    fn removal_undoes_addition_when_lanes_wrap() {
        let before = row(u64::MAX, 5, 1);
        let mut rows = before.clone();
        add_tags(&mut rows, &[0], &tag(2, u64::MAX), Sign::Add).unwrap();
        assert_eq!(rows, row(1, 4, 2));
        add_tags(&mut rows, &[0], &tag(2, u64::MAX), Sign::Remove).unwrap();
        assert_eq!(rows, before);
    }

    #[test]
    fn a_count_below_zero_leaves_the_rows_as_they_were() {
        let before = [row(9, 9, 1), row(9, 9, 5)].concat();
        let mut rows = before.clone();
        let tags = [tag(1, 1), tag(1, 1), tag(1, 1)].concat();
        assert_eq!(
            add_tags(&mut rows, &[1, 0, 0], &tags, Sign::Remove),
            Err(KernelError::CountBelowZero { tag: 2, row: 0 })
        );
        assert_eq!(rows, before);
    }

    #[test]
    fn bad_shapes_are_refused() {
        let mut rows = row(0, 0, 0);
        assert!(add_tags(&mut rows, &[1], &tag(1, 1), Sign::Add).is_err());
        assert!(add_tags(&mut rows, &[0], &tag(1, 1)[..15], Sign::Add).is_err());
        assert!(add_tags(&mut rows[..23], &[0], &tag(1, 1), Sign::Add).is_err());
        assert!(sum_rows(&rows[..23], &mut [0; ROW_BYTES]).is_err());
        assert!(sum_rows(&rows, &mut [0; 23]).is_err());
        assert!(Sign::try_from(0).is_err());
    }

    #[test]
    fn the_sum_of_no_rows_is_the_empty_row() {
        let mut out = [1; ROW_BYTES];
        sum_rows(&[], &mut out).unwrap();
        assert_eq!(out, [0; ROW_BYTES]);
    }

    #[test]
    fn sums_wrap() {
        let rows = [row(u64::MAX, 1, 2), row(2, u64::MAX, 3)].concat();
        let mut out = [0; ROW_BYTES];
        sum_rows(&rows, &mut out).unwrap();
        assert_eq!(out.to_vec(), row(1, 0, 5));
    }
}
