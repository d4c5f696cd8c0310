//! Keyed BLAKE3 of many short inputs, each with its own key.
//!
//! BLAKE3 hashes the chunks of one long input side by side, but an input of a
//! chunk or less block after block, and records are that short. So where the
//! processor has AVX2, eight inputs are hashed side by side, one in each lane.

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "code for AVX2 may be called only where the processor has it")]
mod avx2;

use std::ops::Range;

/// Bytes of a key and of a Merkle tree node.
pub const KEY_BYTES: usize = 32;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// What is hashed: the key, and where the input lies.
pub(crate) type Input<'a> = (&'a [u8; KEY_BYTES], Range<usize>);

/// Writes the first 16 bytes of each input's hash, in the order of the inputs: as many as there are tags, all
/// of which lie in `bytes`.
pub(crate) fn write_tags<'a>(
    bytes: &[u8],
    inputs: impl Iterator<Item = Input<'a>> + Clone,
    tags_out: &mut [[u8; TAG_BYTES]],
) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && avx2::pays(inputs.clone().map(|(_, range)| range.len())) {
        return avx2::write_tags(bytes, inputs, tags_out);
    }
    write_one_by_one(bytes, inputs, tags_out);
}

fn write_one_by_one<'a>(
    bytes: &[u8],
    inputs: impl Iterator<Item = Input<'a>>,
    tags_out: &mut [[u8; TAG_BYTES]],
) {
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

    type WriteTags<'a> =
        fn(&[u8], std::iter::Cloned<std::slice::Iter<'a, Input<'a>>>, &mut [[u8; TAG_BYTES]]);

    /// Each way that this machine has.
    fn ways<'a>() -> Vec<(&'static str, WriteTags<'a>)> {
        let mut ways: Vec<(_, WriteTags)> = vec![("chosen", write_tags), ("one by one", write_one_by_one)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            ways.push(("avx2", avx2::write_tags));
        }
        ways
    }

    fn check_inputs(bytes: &[u8], inputs: &[Input]) {
        let expected: Vec<[u8; TAG_BYTES]> = inputs
            .iter()
            .map(|(key, range)| {
                *blake3::keyed_hash(key, &bytes[range.clone()]).as_bytes().first_chunk().unwrap()
            })
            .collect();
        for (way, write) in ways() {
            let mut tags = vec![[0; TAG_BYTES]; inputs.len()];
            write(bytes, inputs.iter().cloned(), &mut tags);
            assert_eq!(tags, expected, "{way}: {inputs:?}");
        }
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
        check_inputs(&bytes, &inputs);
    }

    #[test]
    fn inputs_of_any_length_have_the_hash_of_the_crate() {
        // Miri takes seconds for what takes microseconds.
        let lengths: Vec<usize> =
            if cfg!(miri) { vec![0, 63, 64, 65, 1024, 1025] } else { (0..=1100).collect() };
        for length in lengths {
            check(&[length; 9], 0);
        }
    }

    #[test]
    fn any_number_of_inputs_is_hashed() {
        for inputs in 0..=20 {
            check(&vec![70; inputs], 0);
        }
    }

    #[test]
    fn a_key_belongs_to_its_input_alone() {
        let keys = [[1; KEY_BYTES], [2; KEY_BYTES]];
        let inputs: Vec<Input> = (0..10).map(|i| (&keys[i / 3 % 2], i * 65..i * 65 + 65)).collect();
        check_inputs(&[7; 10 * 65], &inputs);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn lanes_are_taken_where_enough_of_them_are_busy() {
        for lengths in [&[300; 3][..], &[10; 48], &[1024, 600, 400, 1024], &[0, 0, 0], &[5000, 64, 64, 64]] {
            assert!(avx2::pays(lengths.iter().copied()), "{lengths:?}");
        }
        for lengths in [&[300; 2][..], &[1024, 10, 10], &[200, 5000, 5000]] {
            assert!(!avx2::pays(lengths.iter().copied()), "{lengths:?}");
        }
    }

    proptest! {
        // Miri lets nobody ask for the folder in which a failure would be kept.
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 256 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn inputs_of_mixed_lengths_have_the_hash_of_the_crate(
            lengths in prop::collection::vec(prop_oneof![0..130usize, 0..400usize, 900..2100usize], 0..60),
            bytes_after in 0..70usize,
        ) {
            check(&lengths, bytes_after);
        }
    }
}
