//! What the benchmarks share: records that are always the same.

/// Spreads numbers (splitmix64).
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The tag of the record with this counter.
pub fn tag(counter: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mixed(counter + 1).to_le_bytes());
    bytes[8..].copy_from_slice(&mixed(!counter).to_le_bytes());
    bytes
}

/// Counters and packed tags of records.
pub fn records(counters: impl Iterator<Item = u64>) -> (Vec<f64>, Vec<u8>) {
    let counters: Vec<u64> = counters.collect();
    (
        counters.iter().map(|&counter| counter as f64).collect(),
        counters.iter().flat_map(|&c| tag(c)).collect(),
    )
}
