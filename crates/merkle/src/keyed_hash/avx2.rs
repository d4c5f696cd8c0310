//! Eight inputs side by side: word w of the block and of the chaining value of
//! input i lie in lane i of vector w. Unsafe are the call of code for AVX2, and the
//! two places where 32 bytes are taken for a vector or back. The algorithm and its names are those of
//! the BLAKE3 paper, section 2 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn).

use super::{Input, TAG_BYTES, write_tag};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_blendv_epi8, _mm256_cmpeq_epi32, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set_epi32, _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};
use std::mem::transmute;

const LANES: usize = 8;
/// A step of all lanes takes as long as so many blocks one after the other.
const STEP_BLOCKS: usize = 3;
const BLOCK_BYTES: usize = 64;
/// Of a chunk: more is hashed as a tree.
const CHUNK_BYTES: usize = 1024;
/// Of a hash, and of a vector.
const HASH_BYTES: usize = 32;

const CHUNK_START: i32 = 1 << 0;
const CHUNK_END: i32 = 1 << 1;
const ROOT: i32 = 1 << 3;
const KEYED_HASH: i32 = 1 << 4;

const IV: [u32; 4] = [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A];

/// Which word of the block goes where, in each round.
const SCHEDULE: [[usize; 16]; 7] = {
    const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
    let mut schedule = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]; 7];
    let mut round = 1;
    while round < 7 {
        let mut word = 0;
        while word < 16 {
            schedule[round][word] = schedule[round - 1][PERMUTATION[word]];
            word += 1;
        }
        round += 1;
    }
    schedule
};

/// From place 64 - n on: n bytes that stay, then those that do not.
const KEPT: [u8; 2 * BLOCK_BYTES] = {
    let mut kept = [0; 2 * BLOCK_BYTES];
    let mut at = 0;
    while at < BLOCK_BYTES {
        kept[at] = 0xff;
        at += 1;
    }
    kept
};

/// A lane, and what it is to hash yet; with nothing to hash it is idle.
#[derive(Clone, Copy, Default)]
struct Lane {
    at: usize,
    end: usize,
    /// Its place among the inputs.
    input: usize,
    is_busy: bool,
}

/// Whether inputs of these lengths fill enough lanes: a long one among few short ones has its lane alone.
pub(super) fn pays(lengths: impl Iterator<Item = usize>) -> bool {
    let (mut blocks, mut longest) = (0, 0);
    for length in lengths.filter(|&length| length <= CHUNK_BYTES) {
        let of_input = length.div_ceil(BLOCK_BYTES).max(1);
        blocks += of_input;
        longest = longest.max(of_input);
    }
    blocks >= STEP_BLOCKS * longest
}

/// As `super::write_tags`, where the processor has AVX2.
pub(super) fn write_tags<'a>(
    bytes: &[u8],
    inputs: impl Iterator<Item = Input<'a>>,
    tags_out: &mut [[u8; TAG_BYTES]],
) {
    assert!(is_x86_feature_detected!("avx2"));
    // SAFETY: the processor has AVX2, as was seen just now.
    unsafe { hash(bytes, inputs, tags_out) }
}

#[target_feature(enable = "avx2")]
fn hash<'a>(bytes: &[u8], inputs: impl Iterator<Item = Input<'a>>, tags_out: &mut [[u8; TAG_BYTES]]) {
    let mut inputs = inputs.enumerate().fuse();
    let mut lanes = [Lane::default(); LANES];
    let mut keys = [_mm256_setzero_si256(); LANES];
    let mut chaining = [_mm256_setzero_si256(); 8];
    loop {
        let mut lengths = [0; LANES];
        let mut flags = [0; LANES];
        let (mut low, mut high) = ([_mm256_setzero_si256(); LANES], [_mm256_setzero_si256(); LANES]);
        let (mut any_busy, mut any_starts, mut any_ends) = (false, false, false);
        for (i, lane) in lanes.iter_mut().enumerate() {
            if !lane.is_busy {
                let Some((input, (key, range))) = next_short(&mut inputs, bytes, tags_out) else { continue };
                *lane = Lane { at: range.start, end: range.end, input, is_busy: true };
                keys[i] = vector(key);
                flags[i] = CHUNK_START;
                any_starts = true;
            }
            any_busy = true;
            let length = (lane.end - lane.at).min(BLOCK_BYTES);
            (low[i], high[i]) = block(bytes, lane.at, length);
            lane.at += length;
            lengths[i] = length as i32;
            flags[i] |= KEYED_HASH;
            if lane.at == lane.end {
                flags[i] |= CHUNK_END | ROOT;
                any_ends = true;
            }
        }
        if !any_busy {
            return;
        }
        let flags_of_lanes = lane_values(flags);
        if any_starts {
            let start = _mm256_set1_epi32(CHUNK_START);
            let starts = _mm256_cmpeq_epi32(_mm256_and_si256(flags_of_lanes, start), start);
            for (word, key_word) in chaining.iter_mut().zip(transposed(keys)) {
                *word = _mm256_blendv_epi8(*word, key_word, starts);
            }
        }
        compress(&mut chaining, transposed(low), transposed(high), lane_values(lengths), flags_of_lanes);
        if any_ends {
            for ((hash, lane), flags) in transposed(chaining).into_iter().zip(&mut lanes).zip(flags) {
                if flags & ROOT != 0 {
                    // SAFETY: both are 32 bytes, of which any are valid.
                    let hash: [u8; HASH_BYTES] = unsafe { transmute(hash) };
                    tags_out[lane.input].copy_from_slice(&hash[..TAG_BYTES]);
                    lane.is_busy = false;
                }
            }
        }
    }
}

/// The next input of a chunk at most; those before it are hashed as trees.
#[inline]
fn next_short<'a>(
    inputs: &mut impl Iterator<Item = (usize, Input<'a>)>,
    bytes: &[u8],
    tags_out: &mut [[u8; TAG_BYTES]],
) -> Option<(usize, Input<'a>)> {
    loop {
        let (input, (key, range)) = inputs.next()?;
        let whole = &bytes[range.clone()];
        if whole.len() <= CHUNK_BYTES {
            return Some((input, (key, range)));
        }
        write_tag(key, whole, &mut tags_out[input]);
    }
}

/// The two halves of a block, which ends with zeros where it is not whole.
#[target_feature(enable = "avx2")]
#[inline]
fn block(bytes: &[u8], at: usize, length: usize) -> (__m256i, __m256i) {
    let mut padded = [0; BLOCK_BYTES];
    let whole = match bytes[at..].first_chunk::<BLOCK_BYTES>() {
        Some(whole) => whole,
        // The last bytes of all.
        None => {
            padded[..length].copy_from_slice(&bytes[at..at + length]);
            &padded
        }
    };
    let (low, high) = halves(whole);
    if length == BLOCK_BYTES {
        return (low, high);
    }
    let (kept_low, kept_high) =
        halves(KEPT[BLOCK_BYTES - length..].first_chunk().expect("its bytes are 128"));
    (_mm256_and_si256(low, kept_low), _mm256_and_si256(high, kept_high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn halves(block: &[u8; BLOCK_BYTES]) -> (__m256i, __m256i) {
    let (halves, _) = block.as_chunks();
    (vector(&halves[0]), vector(&halves[1]))
}

#[target_feature(enable = "avx2")]
#[inline]
fn vector(bytes: &[u8; HASH_BYTES]) -> __m256i {
    // SAFETY: both are 32 bytes, of which any are valid.
    unsafe { transmute(*bytes) }
}

/// Not by way of memory, where eight narrow stores before a wide load would be waited for.
#[target_feature(enable = "avx2")]
#[inline]
fn lane_values(of: [i32; LANES]) -> __m256i {
    _mm256_set_epi32(of[7], of[6], of[5], of[4], of[3], of[2], of[1], of[0])
}

/// Word i of vector j becomes word j of vector i.
#[target_feature(enable = "avx2")]
#[inline]
fn transposed(of: [__m256i; 8]) -> [__m256i; 8] {
    let (low01, high01) = (_mm256_unpacklo_epi32(of[0], of[1]), _mm256_unpackhi_epi32(of[0], of[1]));
    let (low23, high23) = (_mm256_unpacklo_epi32(of[2], of[3]), _mm256_unpackhi_epi32(of[2], of[3]));
    let (low45, high45) = (_mm256_unpacklo_epi32(of[4], of[5]), _mm256_unpackhi_epi32(of[4], of[5]));
    let (low67, high67) = (_mm256_unpacklo_epi32(of[6], of[7]), _mm256_unpackhi_epi32(of[6], of[7]));
    let (word0, word1) = (_mm256_unpacklo_epi64(low01, low23), _mm256_unpackhi_epi64(low01, low23));
    let (word2, word3) = (_mm256_unpacklo_epi64(high01, high23), _mm256_unpackhi_epi64(high01, high23));
    let (word4, word5) = (_mm256_unpacklo_epi64(low45, low67), _mm256_unpackhi_epi64(low45, low67));
    let (word6, word7) = (_mm256_unpacklo_epi64(high45, high67), _mm256_unpackhi_epi64(high45, high67));
    [
        _mm256_permute2x128_si256::<0x20>(word0, word4),
        _mm256_permute2x128_si256::<0x20>(word1, word5),
        _mm256_permute2x128_si256::<0x20>(word2, word6),
        _mm256_permute2x128_si256::<0x20>(word3, word7),
        _mm256_permute2x128_si256::<0x31>(word0, word4),
        _mm256_permute2x128_si256::<0x31>(word1, word5),
        _mm256_permute2x128_si256::<0x31>(word2, word6),
        _mm256_permute2x128_si256::<0x31>(word3, word7),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotated_16(of: __m256i) -> __m256i {
    let order = _mm256_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15,
        12, 13,
    );
    _mm256_shuffle_epi8(of, order)
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotated_12(of: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_srli_epi32::<12>(of), _mm256_slli_epi32::<20>(of))
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotated_8(of: __m256i) -> __m256i {
    let order = _mm256_setr_epi8(
        1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14,
        15, 12,
    );
    _mm256_shuffle_epi8(of, order)
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotated_7(of: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_srli_epi32::<7>(of), _mm256_slli_epi32::<25>(of))
}

/// The quarter round.
macro_rules! g {
    ($state:ident, $a:literal, $b:literal, $c:literal, $d:literal, $first:expr, $second:expr) => {
        $state[$a] = _mm256_add_epi32(_mm256_add_epi32($state[$a], $state[$b]), $first);
        $state[$d] = rotated_16(_mm256_xor_si256($state[$d], $state[$a]));
        $state[$c] = _mm256_add_epi32($state[$c], $state[$d]);
        $state[$b] = rotated_12(_mm256_xor_si256($state[$b], $state[$c]));
        $state[$a] = _mm256_add_epi32(_mm256_add_epi32($state[$a], $state[$b]), $second);
        $state[$d] = rotated_8(_mm256_xor_si256($state[$d], $state[$a]));
        $state[$c] = _mm256_add_epi32($state[$c], $state[$d]);
        $state[$b] = rotated_7(_mm256_xor_si256($state[$b], $state[$c]));
    };
}

/// A macro, since a function that is not inlined keeps the state in memory.
macro_rules! round {
    ($state:ident, $block:ident, $round:literal) => {{
        const WORDS: [usize; 16] = SCHEDULE[$round];
        g!($state, 0, 4, 8, 12, $block[WORDS[0]], $block[WORDS[1]]);
        g!($state, 1, 5, 9, 13, $block[WORDS[2]], $block[WORDS[3]]);
        g!($state, 2, 6, 10, 14, $block[WORDS[4]], $block[WORDS[5]]);
        g!($state, 3, 7, 11, 15, $block[WORDS[6]], $block[WORDS[7]]);
        g!($state, 0, 5, 10, 15, $block[WORDS[8]], $block[WORDS[9]]);
        g!($state, 1, 6, 11, 12, $block[WORDS[10]], $block[WORDS[11]]);
        g!($state, 2, 7, 8, 13, $block[WORDS[12]], $block[WORDS[13]]);
        g!($state, 3, 4, 9, 14, $block[WORDS[14]], $block[WORDS[15]]);
    }};
}

/// One block of each lane. The counter of a block is that of its chunk, 0.
#[target_feature(enable = "avx2")]
#[inline]
fn compress(
    chaining: &mut [__m256i; 8],
    low: [__m256i; 8],
    high: [__m256i; 8],
    lengths: __m256i,
    flags: __m256i,
) {
    let [m0, m1, m2, m3, m4, m5, m6, m7] = low;
    let [m8, m9, m10, m11, m12, m13, m14, m15] = high;
    let block = [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15];
    let [c0, c1, c2, c3, c4, c5, c6, c7] = *chaining;
    let iv0 = _mm256_set1_epi32(IV[0].cast_signed());
    let iv1 = _mm256_set1_epi32(IV[1].cast_signed());
    let iv2 = _mm256_set1_epi32(IV[2].cast_signed());
    let iv3 = _mm256_set1_epi32(IV[3].cast_signed());
    let zero = _mm256_setzero_si256();
    let mut state = [c0, c1, c2, c3, c4, c5, c6, c7, iv0, iv1, iv2, iv3, zero, zero, lengths, flags];
    round!(state, block, 0);
    round!(state, block, 1);
    round!(state, block, 2);
    round!(state, block, 3);
    round!(state, block, 4);
    round!(state, block, 5);
    round!(state, block, 6);
    for word in 0..8 {
        chaining[word] = _mm256_xor_si256(state[word], state[word + 8]);
    }
}
