//! Inclusion paths: that a leaf row belongs to a root, shown with one node a level.
//!
//! ```text
//!        root              path of leaf 2, from the leaf up: [ 3, A ]
//!       /    \
//!      A      B            root = H(A, H(leaf 2, 3))
//!     / \    / \
//!    0   1  2   3
//! ```
//!
//! Bit i of the leaf's number says on which side its ancestor at height i stands.

use crate::error::{KernelError, check_length};
use crate::rows::ROW_BYTES;
use crate::tags::check_key;
use crate::tree::{MERKLE_DEPTH_MAX, NODE_BYTES, check_depth, hash_inner, hash_leaf, node_count};

/// Writes the path of a leaf to `path_out`, `depth` nodes of 32 bytes: the siblings of
/// the leaf and of its ancestors, from the leaf up.
pub fn merkle_path(nodes: &[u8], depth: u32, leaf: u32, path_out: &mut [u8]) -> Result<(), KernelError> {
    check_depth(depth)?;
    check_length("nodes", nodes.len(), node_count(depth) * NODE_BYTES)?;
    check_leaf(leaf, depth)?;
    check_length("pathOut", path_out.len(), depth as usize * NODE_BYTES)?;
    let mut node = (1usize << depth) - 1 + leaf as usize;
    for sibling_out in path_out.chunks_exact_mut(NODE_BYTES) {
        // Left children have odd numbers, and their siblings the next one.
        let sibling = if node.is_multiple_of(2) { node - 1 } else { node + 1 };
        sibling_out.copy_from_slice(&nodes[sibling * NODE_BYTES..][..NODE_BYTES]);
        node = (node - 1) / 2;
    }
    Ok(())
}

/// Whether the path leads from the row of this leaf to the root. Its length gives the depth.
pub fn verify_path(
    key: &[u8],
    leaf_row: &[u8],
    leaf: u32,
    path: &[u8],
    root: &[u8],
) -> Result<bool, KernelError> {
    let key = check_key(key)?;
    check_length("leafRow", leaf_row.len(), ROW_BYTES)?;
    check_length("root", root.len(), NODE_BYTES)?;
    if !path.len().is_multiple_of(NODE_BYTES) {
        return Err(KernelError::Partial { buffer: "path", unit: NODE_BYTES, actual: path.len() });
    }
    let depth = u32::try_from(path.len() / NODE_BYTES).unwrap_or(MERKLE_DEPTH_MAX + 1);
    check_depth(depth)?;
    check_leaf(leaf, depth)?;
    let mut node = hash_leaf(key, leaf_row);
    for (height, sibling) in path.chunks_exact(NODE_BYTES).enumerate() {
        let stands_right = leaf >> height & 1 == 1;
        let pair = if stands_right { [sibling, &node] } else { [&node[..], sibling] };
        node = hash_inner(key, &pair.concat());
    }
    Ok(node == root)
}

fn check_leaf(leaf: u32, depth: u32) -> Result<(), KernelError> {
    if leaf >> depth == 0 { Ok(()) } else { Err(KernelError::LeafOutOfRange { leaf, depth }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::merkle_tree;

    const KEY: [u8; 32] = [7; 32];
    const DEPTH: u32 = 3;

    fn tree() -> (Vec<u8>, Vec<u8>) {
        let rows: Vec<u8> = (0..8 * ROW_BYTES).map(|i| i as u8).collect();
        let mut nodes = vec![0; node_count(DEPTH) * NODE_BYTES];
        merkle_tree(&KEY, &rows, DEPTH, &mut nodes).unwrap();
        (rows, nodes)
    }

    #[test]
    fn every_leaf_has_a_path_and_only_its_own() {
        let (rows, nodes) = tree();
        for leaf in 0..8 {
            let mut path = [0; 3 * NODE_BYTES];
            merkle_path(&nodes, DEPTH, leaf, &mut path).unwrap();
            for other in 0..8 {
                let row = &rows[other as usize * ROW_BYTES..][..ROW_BYTES];
                assert_eq!(verify_path(&KEY, row, leaf, &path, &nodes[..32]), Ok(leaf == other));
            }
            path[0] ^= 1;
            let row = &rows[leaf as usize * ROW_BYTES..][..ROW_BYTES];
            assert_eq!(verify_path(&KEY, row, leaf, &path, &nodes[..32]), Ok(false));
        }
    }

    #[test]
    fn shapes_are_checked() {
        let (rows, nodes) = tree();
        let mut path = [0; 3 * NODE_BYTES];
        assert!(merkle_path(&nodes, DEPTH, 8, &mut path).is_err());
        assert!(merkle_path(&nodes, 2, 0, &mut path).is_err());
        assert!(merkle_path(&nodes, DEPTH, 0, &mut path[1..]).is_err());
        let root = &nodes[..32];
        assert!(verify_path(&KEY, &rows[..24], 8, &path, root).is_err());
        assert!(verify_path(&KEY, &rows[..24], 0, &path[1..], root).is_err());
        assert!(verify_path(&KEY, &rows[..24], 0, &[0; 21 * NODE_BYTES], root).is_err());
        assert!(verify_path(&KEY, &rows[..23], 0, &path, root).is_err());
        assert!(verify_path(&KEY, &rows[..24], 0, &path, &root[1..]).is_err());
    }
}
