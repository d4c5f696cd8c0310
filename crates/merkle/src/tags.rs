//! Tags: what stands for a record in every digest.
//!
//! A tag is the first 16 bytes of the keyed BLAKE3 hash of a record's frame.
//! The key is secret, since the digests add tags up, and with an unkeyed hash
//! one could choose frames whose tags cancel out.

use crate::error::{KernelError, check_length};
use crate::keyed_hash::{Input, KEY_BYTES, TAG_BYTES, write_tags};
use std::iter::{repeat, repeat_n};

/// BLAKE3 `derive_key`: a key from key material, bound to the context string.
pub fn derive_key(context: &str, material: &[u8]) -> [u8; KEY_BYTES] {
    blake3::derive_key(context, material)
}

/// Writes the tags of `frames`, which lie back to back, to `tags_out`.
///
/// `ends[i]` is the offset where frame i ends: the ends ascend, two are equal
/// around an empty frame, and the last is the length of `frames`.
pub fn tags(key: &[u8], frames: &[u8], ends: &[u32], tags_out: &mut [u8]) -> Result<(), KernelError> {
    let key = check_key(key)?;
    check_frames(frames, ends, tags_out)?;
    write(repeat(key), frames, ends, tags_out);
    Ok(())
}

/// Writes the tags of frames that have keys of their own, as a batch of many partitions does.
///
/// `keys` are packed, one a group. `group_ends[g]` is the number of the first
/// frame after group g: the ends ascend, two are equal around an empty group,
/// and the last is the number of frames. The rest is as in [`tags`].
pub fn group_tags(
    keys: &[u8],
    group_ends: &[u32],
    frames: &[u8],
    ends: &[u32],
    tags_out: &mut [u8],
) -> Result<(), KernelError> {
    check_length("keys", keys.len(), group_ends.len().saturating_mul(KEY_BYTES))?;
    check_ends("groupEnds", group_ends, "the number of frames", ends.len())?;
    check_frames(frames, ends, tags_out)?;
    let mut first = 0;
    let keys = keys.as_chunks().0.iter().zip(group_ends).flat_map(move |(key, &end)| {
        let frames_of_group = end - first;
        first = end;
        repeat_n(key, frames_of_group as usize)
    });
    write(keys, frames, ends, tags_out);
    Ok(())
}

/// `keys` are those of the frames. All lengths have been checked.
fn write<'a>(
    keys: impl Iterator<Item = &'a [u8; KEY_BYTES]> + Clone,
    frames: &[u8],
    ends: &[u32],
    tags_out: &mut [u8],
) {
    let mut start = 0;
    let inputs = keys.zip(ends).map(move |(key, &end)| -> Input {
        let range = start..end as usize;
        start = range.end;
        (key, range)
    });
    write_tags(frames, inputs, tags_out.as_chunks_mut().0);
}

pub(crate) fn check_key(key: &[u8]) -> Result<&[u8; KEY_BYTES], KernelError> {
    key.try_into().map_err(|_| KernelError::Length { buffer: "key", expected: KEY_BYTES, actual: key.len() })
}

fn check_frames(frames: &[u8], ends: &[u32], tags_out: &[u8]) -> Result<(), KernelError> {
    check_ends("ends", ends, "the length of frames", frames.len())?;
    check_length("tagsOut", tags_out.len(), ends.len().saturating_mul(TAG_BYTES))
}

/// Fails unless `ends` ascend to `expected`, which is the size of `whole`.
fn check_ends(
    list: &'static str,
    ends: &[u32],
    whole: &'static str,
    expected: usize,
) -> Result<(), KernelError> {
    let mut covered = 0;
    for (position, &end) in ends.iter().enumerate() {
        if end < covered {
            return Err(KernelError::EndDescends { list, position });
        }
        covered = end;
    }
    let covered = covered as usize;
    if covered == expected { Ok(()) } else { Err(KernelError::NotCovered { list, covered, whole, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

    #[test]
    fn a_tag_is_the_head_of_the_keyed_hash() {
        let mut out = [0; 2 * TAG_BYTES];
        tags(&KEY, b"onetwo", &[3, 6], &mut out).unwrap();
        assert_eq!(out[..16], blake3::keyed_hash(&KEY, b"one").as_bytes()[..16]);
        assert_eq!(out[16..], blake3::keyed_hash(&KEY, b"two").as_bytes()[..16]);
    }

    #[test]
    fn no_frames_have_no_tags() {
        assert_eq!(tags(&KEY, b"", &[], &mut []), Ok(()));
    }

    #[test]
    fn bad_ends_are_refused_before_anything_is_written() {
        let mut out = [1; 2 * TAG_BYTES];
        let error = tags(&KEY, b"onetwo", &[6, 3], &mut out).unwrap_err();
        assert_eq!(error, KernelError::EndDescends { list: "ends", position: 1 });
        for ends in [[3, 5], [3, 7]] {
            let error = tags(&KEY, b"onetwo", &ends, &mut out).unwrap_err();
            assert!(matches!(error, KernelError::NotCovered { .. }));
        }
        assert_eq!(out, [1; 2 * TAG_BYTES]);
    }

    #[test]
    fn lengths_of_key_and_output_are_checked() {
        let mut out = [0; TAG_BYTES];
        assert!(tags(&KEY[..31], b"one", &[3], &mut out).is_err());
        assert!(tags(&KEY, b"one", &[3], &mut out[..15]).is_err());
    }

    #[test]
    fn each_group_is_hashed_with_its_key() {
        let keys = [[1; KEY_BYTES], [2; KEY_BYTES], [3; KEY_BYTES], [4; KEY_BYTES]];
        let mut out = [0; 3 * TAG_BYTES];
        // The second group is empty, and so is the last.
        group_tags(keys.as_flattened(), &[2, 2, 3, 3], b"onetwothree", &[3, 6, 11], &mut out).unwrap();
        for (tag, (key, frame)) in
            out.chunks_exact(TAG_BYTES).zip([(keys[0], "one"), (keys[0], "two"), (keys[2], "three")])
        {
            assert_eq!(tag, &blake3::keyed_hash(&key, frame.as_bytes()).as_bytes()[..TAG_BYTES], "{frame}");
        }
    }

    #[test]
    fn no_groups_have_no_frames() {
        assert_eq!(group_tags(&[], &[], b"", &[], &mut []), Ok(()));
        assert_eq!(group_tags(&KEY, &[0], b"", &[], &mut []), Ok(()));
        let error = group_tags(&[], &[], b"", &[0], &mut [0; TAG_BYTES]).unwrap_err();
        assert!(matches!(error, KernelError::NotCovered { list: "groupEnds", .. }));
    }

    #[test]
    fn bad_groups_are_refused_before_anything_is_written() {
        let keys = [7; 2 * KEY_BYTES];
        let mut out = [1; 2 * TAG_BYTES];
        let error = group_tags(&keys, &[2, 1], b"onetwo", &[3, 6], &mut out).unwrap_err();
        assert_eq!(error, KernelError::EndDescends { list: "groupEnds", position: 1 });
        for group_ends in [[0, 1], [1, 3], [1, u32::MAX]] {
            let error = group_tags(&keys, &group_ends, b"onetwo", &[3, 6], &mut out).unwrap_err();
            assert!(matches!(error, KernelError::NotCovered { list: "groupEnds", .. }));
        }
        assert!(group_tags(&keys[..63], &[1, 2], b"onetwo", &[3, 6], &mut out).is_err());
        assert!(group_tags(&keys, &[1, 2], b"onetwo", &[6, 3], &mut out).is_err());
        assert!(group_tags(&keys, &[1, 2], b"onetwo", &[3, 6], &mut out[..31]).is_err());
        assert_eq!(out, [1; 2 * TAG_BYTES]);
    }
}
