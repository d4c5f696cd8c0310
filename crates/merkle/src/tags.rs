//! Tags: what stands for a record in every digest.
//!
//! A tag is the first 16 bytes of the keyed BLAKE3 hash of a record's frame.
//! The key is secret, since the digests add tags up, and with an unkeyed hash
//! one could choose frames whose tags cancel out.

use crate::error::{KernelError, check_length};

/// Bytes of a key and of a Merkle tree node.
pub const KEY_BYTES: usize = 32;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

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
    check_ends(frames, ends)?;
    check_length("tagsOut", tags_out.len(), ends.len().saturating_mul(TAG_BYTES))?;
    let mut start = 0;
    for (&end, tag_out) in ends.iter().zip(tags_out.chunks_exact_mut(TAG_BYTES)) {
        let end = end as usize;
        let hash = blake3::keyed_hash(key, &frames[start..end]);
        tag_out.copy_from_slice(&hash.as_bytes()[..TAG_BYTES]);
        start = end;
    }
    Ok(())
}

pub(crate) fn check_key(key: &[u8]) -> Result<&[u8; KEY_BYTES], KernelError> {
    key.try_into().map_err(|_| KernelError::Length { buffer: "key", expected: KEY_BYTES, actual: key.len() })
}

fn check_ends(frames: &[u8], ends: &[u32]) -> Result<(), KernelError> {
    let mut covered = 0;
    for (frame, &end) in ends.iter().enumerate() {
        if end < covered {
            return Err(KernelError::FrameEndDescends { frame });
        }
        covered = end;
    }
    if covered as usize == frames.len() {
        Ok(())
    } else {
        Err(KernelError::FramesNotCovered { covered: covered as usize, actual: frames.len() })
    }
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
        assert_eq!(tags(&KEY, b"onetwo", &[6, 3], &mut out), Err(KernelError::FrameEndDescends { frame: 1 }));
        for ends in [[3, 5], [3, 7]] {
            let error = tags(&KEY, b"onetwo", &ends, &mut out).unwrap_err();
            assert!(matches!(error, KernelError::FramesNotCovered { .. }));
        }
        assert_eq!(out, [1; 2 * TAG_BYTES]);
    }

    #[test]
    fn lengths_of_key_and_output_are_checked() {
        let mut out = [0; TAG_BYTES];
        assert!(tags(&KEY[..31], b"one", &[3], &mut out).is_err());
        assert!(tags(&KEY, b"one", &[3], &mut out[..15]).is_err());
    }
}
