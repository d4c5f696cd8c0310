//! Keyed BLAKE3 of many short inputs, each with its own key.
//!
//! BLAKE3 hashes the chunks of one long input side by side, but an input of a
//! chunk or less block after block, and records are that short. So where the
//! processor has AVX2, eight inputs are hashed side by side, one in each lane.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;

use std::ops::Range;

/// Bytes of a key and of a Merkle tree node.
pub const KEY_BYTES: usize = 32;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// What is hashed: the key, and where the input lies.
pub(crate) type Input<'a> = (&'a [u8; KEY_BYTES], Range<usize>);

/// Fewer are hashed as fast one after the other.
#[cfg(target_arch = "x86_64")]
const SIDE_BY_SIDE_MIN: usize = 3;

/// Writes the first 16 bytes of each input's hash, in the order of the inputs.
pub(crate) fn write_tags<'a>(
    bytes: &[u8],
    inputs: impl Iterator<Item = Input<'a>>,
    tags_out: &mut [[u8; TAG_BYTES]],
) {
    #[cfg(target_arch = "x86_64")]
    if tags_out.len() >= SIDE_BY_SIDE_MIN && is_x86_feature_detected!("avx2") {
        return avx2::write_tags(bytes, inputs, tags_out);
    }
    for (tag_out, (key, range)) in tags_out.iter_mut().zip(inputs) {
        write_tag(key, &bytes[range], tag_out);
    }
}

fn write_tag(key: &[u8; KEY_BYTES], bytes: &[u8], tag_out: &mut [u8; TAG_BYTES]) {
    tag_out.copy_from_slice(&blake3::keyed_hash(key, bytes).as_bytes()[..TAG_BYTES]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the crate has them, one after the other.
    fn expected(bytes: &[u8], inputs: &[Input]) -> Vec<[u8; TAG_BYTES]> {
        inputs
            .iter()
            .map(|(key, range)| {
                let mut tag = [0; TAG_BYTES];
                write_tag(key, &bytes[range.clone()], &mut tag);
                tag
            })
            .collect()
    }

    fn check(lengths: &[usize], bytes_after: usize) {
        let keys: Vec<[u8; KEY_BYTES]> =
            (0..lengths.len()).map(|i| std::array::from_fn(|b| (i * 31 + b * 7) as u8)).collect();
        let mut end = 0;
        let inputs: Vec<Input> = keys
            .iter()
            .zip(lengths)
            .map(|(key, length)| {
                end += length;
                (key, end - length..end)
            })
            .collect();
        let bytes: Vec<u8> = (0..end + bytes_after).map(|i| (i * 7 + i / 251) as u8).collect();
        let mut tags = vec![[0; TAG_BYTES]; inputs.len()];
        write_tags(&bytes, inputs.iter().cloned(), &mut tags);
        assert_eq!(tags, expected(&bytes, &inputs), "{lengths:?}");
    }

    #[test]
    fn inputs_of_any_length_have_the_hash_of_the_crate() {
        for length in 0..=1100 {
            check(&[length; 9], 0);
        }
    }

    #[test]
    fn any_number_of_inputs_is_hashed() {
        for inputs in 0..=40 {
            check(&vec![70; inputs], 0);
        }
    }

    #[test]
    fn a_key_belongs_to_its_input_alone() {
        let keys = [[1; KEY_BYTES], [2; KEY_BYTES]];
        let bytes = [7; 10 * 65];
        let inputs: Vec<Input> = (0..10).map(|i| (&keys[i / 3 % 2], i * 65..i * 65 + 65)).collect();
        let mut tags = [[0; TAG_BYTES]; 10];
        write_tags(&bytes, inputs.iter().cloned(), &mut tags);
        assert_eq!(tags.to_vec(), expected(&bytes, &inputs));
    }

    proptest! {
        #[test]
        fn inputs_of_mixed_lengths_have_the_hash_of_the_crate(
            lengths in prop::collection::vec(prop_oneof![0..130usize, 0..400usize, 900..2100usize], 0..60),
            bytes_after in 0..70usize,
        ) {
            check(&lengths, bytes_after);
        }
    }
}
