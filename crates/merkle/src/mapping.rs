//! Which symbols of a sketch an item takes part in: an endless, ascending list
//! of indexes that both sides derive from the item alone.
//!
//! Index 0 is always among them, and index i with probability 1 / (1 + i / 2),
//! as in Yang et al., "Practical Rateless Set Reconciliation" (SIGCOMM 2024).
//! There a gap is (i + 1.5) * (1 / sqrt(u) - 1) for a uniform u, in floating
//! point. Here the factor is one of 4,096 from a table, in integers, so that it is
//! the same on every machine and costs a fraction; as many symbols are needed
//! (docs/merkle.md):
//!
//! ```text
//! state = state * MULTIPLIER                       (64 bits, wrapping)
//! x     = T[the 12 high bits of state]             (24 bits of fraction)
//! index = index + ((2 * index + 3) * x >> 25) + 1
//! ```

const TABLE_BITS: u32 = 12;
const TABLE_SIZE: usize = 1 << TABLE_BITS;
const FACTOR_BITS: u32 = 24;

/// A multiplier with good spectral figures for congruential generators modulo
/// 2^64 (Steele and Vigna 2021).
const MULTIPLIER: u64 = 0xda94_2042_e4dd_58b5;

const MIX: u64 = 0xd6e8_feb8_6659_fd93;
const COUNTER_MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// T[k] = floor(2^24 * (1 / sqrt((k + 1/2) / 4096) - 1)): from 89.5 down.
static FACTORS: [u32; TABLE_SIZE] = factors();

const fn factors() -> [u32; TABLE_SIZE] {
    const SQUARE_BITS: u32 = 2 * FACTOR_BITS + TABLE_BITS + 1;
    let mut table = [0; TABLE_SIZE];
    let mut k = 0;
    while k < TABLE_SIZE {
        table[k] = (((1u64 << SQUARE_BITS) / (2 * k as u64 + 1)).isqrt() - (1 << FACTOR_BITS)) as u32;
        k += 1;
    }
    table
}

/// The hash of an item: its check is the high half, and all of it seeds the mapping.
/// A tag is the output of a keyed hash already, so this only has to bind the counter
/// to it and to be far from linear.
pub(crate) fn item_hash(counter: u64, tag_prefix: u64) -> u64 {
    let mut hash = tag_prefix ^ counter.wrapping_mul(COUNTER_MIX);
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(MIX);
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 32)
}

/// Walks the indexes of one item.
#[derive(Clone, Copy)]
pub(crate) struct Mapping {
    state: u64,
    index: u64,
}

impl Mapping {
    pub fn new(hash: u64) -> Self {
        // An even state would lose its low bits, one a step.
        Self { state: hash | 1, index: 0 }
    }

    #[inline(always)]
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// Goes to the first index that is not less.
    pub fn advance_to(&mut self, index: usize) {
        while self.index() < index {
            self.advance();
        }
    }

    /// Goes to the next index. Below [`crate::SKETCH_SYMBOLS_MAX`] nothing overflows.
    #[inline(always)]
    pub fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER);
        let factor = u64::from(FACTORS[(self.state >> (64 - TABLE_BITS)) as usize]);
        self.index += (((2 * self.index + 3) * factor) >> (FACTOR_BITS + 1)) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_descends_from_89_to_almost_0() {
        assert_eq!(FACTORS[0] >> FACTOR_BITS, 89);
        assert!(FACTORS[1023] > 1 << FACTOR_BITS && FACTORS[1024] < 1 << FACTOR_BITS);
        assert_eq!(FACTORS[4095], 1024);
        assert!(FACTORS.is_sorted_by(|above, below| above > below));
    }

    #[test]
    fn indexes_start_at_0_and_ascend() {
        for seed in [0, 1, u64::MAX, item_hash(5, 7)] {
            let mut mapping = Mapping::new(seed);
            assert_eq!(mapping.index(), 0);
            while mapping.index() < crate::SKETCH_SYMBOLS_MAX {
                let before = mapping.index();
                mapping.advance();
                assert!(mapping.index() > before);
            }
        }
    }

    #[test]
    fn index_i_is_taken_with_probability_1_in_1_plus_half_i() {
        const ITEMS: u64 = if cfg!(miri) { 500 } else { 20_000 };
        const INDEXES: usize = 1024;
        let mut taken = [0u32; INDEXES];
        for item in 0..ITEMS {
            let mut mapping = Mapping::new(item_hash(item, item.wrapping_mul(MULTIPLIER)));
            while mapping.index() < INDEXES {
                taken[mapping.index()] += 1;
                mapping.advance();
            }
        }
        for i in [0usize, 1, 2, 5, 10, 50, 100, 500, 1000] {
            let expected = ITEMS as f64 * 2.0 / (i as f64 + 2.0);
            let deviation = (f64::from(taken[i]) - expected).abs();
            assert!(deviation <= 5.0 * expected.sqrt(), "index {i}: {} of {expected}", taken[i]);
        }
    }
}
