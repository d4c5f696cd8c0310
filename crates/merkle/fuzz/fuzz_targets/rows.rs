//! Lists of rows: refused or compared, and equal ones never differ.
//! Input: the span and the capacity (1 byte each), where the left list ends (2 bytes), both lists.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mendlog_merkle::{ROW_BYTES, diff_rows, fold_rows, sum_rows};

fuzz_target!(|input: &[u8]| {
    let Some((&[span, capacity, low, high], lists)) = input.split_first_chunk::<4>() else { return };
    let end = usize::from(u16::from_le_bytes([low, high])).min(lists.len());
    let (left, right) = lists.split_at(end);
    let mut indexes = vec![-1.0; usize::from(capacity)];
    if let Ok(found) = diff_rows(left, right, &mut indexes) {
        assert!(indexes[..found].is_sorted_by(|a, b| a < b));
        assert!(indexes[found..].iter().all(|&index| index == -1.0));
        let mut mirrored = vec![-1.0; usize::from(capacity)];
        assert_eq!(diff_rows(right, left, &mut mirrored), Ok(found));
        assert_eq!(indexes, mirrored);
        assert_eq!(diff_rows(left, left, &mut mirrored), Ok(0));
    }

    let mut rows = vec![0; 16 * ROW_BYTES];
    if fold_rows(left, u64::from(span), &mut rows).is_ok() {
        // Folded into 16 rows or into one, the sum is the same.
        let mut one = [0; ROW_BYTES];
        fold_rows(left, u64::MAX, &mut one).unwrap();
        let mut sum = [0; ROW_BYTES];
        sum_rows(&rows, &mut sum).unwrap();
        assert_eq!(sum, one);
    } else {
        assert!(rows.iter().all(|&byte| byte == 0));
    }
});
