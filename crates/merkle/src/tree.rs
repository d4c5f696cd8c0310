//! The Merkle tree view: a binary tree of keyed BLAKE3 hashes over digest rows.
//!
//! ```text
//! nodes, breadth first:      0            inner = H(key, 0x01 | left | right)
//!                          1   2
//!                         3 4 5 6         leaf  = H(key, 0x00 | row)
//! ```
//!
//! The first byte separates the two kinds, so that no row can pass for a pair
//! of nodes.

use crate::error::{KernelError, check_length};
use crate::keyed_hash::KEY_BYTES;
use crate::rows::ROW_BYTES;
use crate::tags::check_key;

/// Bytes of a Merkle tree node.
pub const NODE_BYTES: usize = 32;

/// The deepest tree: 2^20 leaves, whose nodes take 64 MiB.
pub const MERKLE_DEPTH_MAX: u32 = 20;

const LEAF_DOMAIN: u8 = 0x00;
const INNER_DOMAIN: u8 = 0x01;

/// Writes the 2^(depth + 1) - 1 nodes of the tree over 2^depth packed rows.
pub fn merkle_tree(
    key: &[u8],
    leaf_rows: &[u8],
    depth: u32,
    nodes_out: &mut [u8],
) -> Result<(), KernelError> {
    let key = check_key(key)?;
    check_depth(depth)?;
    let leaves = 1usize << depth;
    let inner_nodes = leaves - 1;
    check_length("leafRows", leaf_rows.len(), leaves * ROW_BYTES)?;
    check_length("nodesOut", nodes_out.len(), node_count(depth) * NODE_BYTES)?;

    let leaf_nodes = nodes_out[inner_nodes * NODE_BYTES..].chunks_exact_mut(NODE_BYTES);
    for (row, node) in leaf_rows.chunks_exact(ROW_BYTES).zip(leaf_nodes) {
        node.copy_from_slice(&hash_leaf(key, row));
    }
    for parent in (0..inner_nodes).rev() {
        let children = (2 * parent + 1) * NODE_BYTES;
        let hash = hash_inner(key, &nodes_out[children..children + 2 * NODE_BYTES]);
        nodes_out[parent * NODE_BYTES..][..NODE_BYTES].copy_from_slice(&hash);
    }
    Ok(())
}

pub(crate) fn check_depth(depth: u32) -> Result<(), KernelError> {
    if depth <= MERKLE_DEPTH_MAX {
        Ok(())
    } else {
        Err(KernelError::DepthTooLarge { depth, depth_max: MERKLE_DEPTH_MAX })
    }
}

/// Nodes of a tree whose depth was checked.
pub(crate) fn node_count(depth: u32) -> usize {
    (2usize << depth) - 1
}

pub(crate) fn hash_leaf(key: &[u8; KEY_BYTES], row: &[u8]) -> [u8; NODE_BYTES] {
    let mut input = [LEAF_DOMAIN; 1 + ROW_BYTES];
    input[1..].copy_from_slice(row);
    *blake3::keyed_hash(key, &input).as_bytes()
}

pub(crate) fn hash_inner(key: &[u8; KEY_BYTES], children: &[u8]) -> [u8; NODE_BYTES] {
    let mut input = [INNER_DOMAIN; 1 + 2 * NODE_BYTES];
    input[1..].copy_from_slice(children);
    *blake3::keyed_hash(key, &input).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

    #[test]
    fn at_depth_0_the_root_is_the_leaf() {
        let row = [5; ROW_BYTES];
        let mut nodes = [0; NODE_BYTES];
        merkle_tree(&KEY, &row, 0, &mut nodes).unwrap();
        assert_eq!(nodes, hash_leaf(&KEY, &row));
    }

    #[test]
    fn at_depth_1_the_root_hashes_both_leaves_in_order() {
        let rows = [[5; ROW_BYTES], [6; ROW_BYTES]].concat();
        let mut nodes = [0; 3 * NODE_BYTES];
        merkle_tree(&KEY, &rows, 1, &mut nodes).unwrap();
        assert_eq!(nodes[32..64], hash_leaf(&KEY, &rows[..24]));
        assert_eq!(nodes[64..], hash_leaf(&KEY, &rows[24..]));
        assert_eq!(nodes[..32], hash_inner(&KEY, &nodes[32..]));
    }

    #[test]
    fn shapes_are_checked() {
        let mut nodes = [0; 3 * NODE_BYTES];
        assert!(merkle_tree(&KEY, &[0; 47], 1, &mut nodes).is_err());
        assert!(merkle_tree(&KEY, &[0; 48], 1, &mut nodes[..95]).is_err());
        assert!(merkle_tree(&KEY, &[0; 48], 21, &mut nodes).is_err());
        assert!(merkle_tree(&KEY, &[0; 48], u32::MAX, &mut nodes).is_err());
        assert!(merkle_tree(&KEY[1..], &[0; 48], 1, &mut nodes).is_err());
    }
}
