//! The diff of two Merkle trees of one shape: the leaves that differ.
//!
//! The search goes down from the root and leaves out what is equal. A tree may
//! come from a peer and contradict itself, so only leaves decide: a subtree whose
//! nodes differ and whose leaves do not adds nothing.

use crate::error::{KernelError, check_length};
use crate::tree::{NODE_BYTES, check_depth, node_count};

/// Writes the numbers of the leaves that differ to `leaves_out`, ascending, and returns
/// how many it wrote. A full buffer ends the search, as in [`crate::diff_rows`].
pub fn diff_trees(
    left: &[u8],
    right: &[u8],
    depth: u32,
    leaves_out: &mut [u32],
) -> Result<usize, KernelError> {
    check_depth(depth)?;
    check_length("left", left.len(), node_count(depth) * NODE_BYTES)?;
    check_length("right", right.len(), node_count(depth) * NODE_BYTES)?;
    let first_leaf = (1usize << depth) - 1;
    let mut found = 0;
    // The left child is looked at first; at most one node a level waits.
    let mut waiting = vec![0usize];
    while let Some(node) = waiting.pop() {
        if found == leaves_out.len() {
            break;
        }
        let bytes = node * NODE_BYTES..(node + 1) * NODE_BYTES;
        if left[bytes.clone()] == right[bytes] {
            continue;
        }
        if node < first_leaf {
            waiting.extend([2 * node + 2, 2 * node + 1]);
        } else {
            leaves_out[found] = (node - first_leaf) as u32;
            found += 1;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTH: u32 = 3;

    /// Nodes that differ from zeros at the leaves given and above them.
    fn tree(leaves: &[usize]) -> Vec<u8> {
        let mut nodes = vec![0; node_count(DEPTH) * NODE_BYTES];
        for leaf in leaves {
            let mut node = 7 + leaf;
            nodes[node * NODE_BYTES] = 1;
            while node > 0 {
                node = (node - 1) / 2;
                nodes[node * NODE_BYTES] = 1;
            }
        }
        nodes
    }

    #[test]
    fn the_leaves_that_differ_are_found_in_order() {
        let mut out = [9; 8];
        for leaves in [&[][..], &[0], &[7], &[0, 3, 4, 7], &[0, 1, 2, 3, 4, 5, 6, 7]] {
            assert_eq!(diff_trees(&tree(leaves), &tree(&[]), DEPTH, &mut out), Ok(leaves.len()));
            assert!(out.iter().zip(leaves).all(|(&found, &leaf)| found as usize == leaf));
        }
    }

    #[test]
    fn a_short_buffer_is_filled() {
        let mut out = [0; 2];
        assert_eq!(diff_trees(&tree(&[1, 5, 6]), &tree(&[]), DEPTH, &mut out), Ok(2));
        assert_eq!(out, [1, 5]);
        assert_eq!(diff_trees(&tree(&[1]), &tree(&[]), DEPTH, &mut []), Ok(0));
    }

    #[test]
    fn a_tree_that_contradicts_itself_adds_nothing() {
        let mut inner_only = tree(&[]);
        inner_only[..7 * NODE_BYTES].fill(1);
        assert_eq!(diff_trees(&inner_only, &tree(&[]), DEPTH, &mut [0; 8]), Ok(0));
    }

    #[test]
    fn shapes_are_checked() {
        let nodes = tree(&[]);
        assert!(diff_trees(&nodes, &nodes[1..], DEPTH, &mut [0; 8]).is_err());
        assert!(diff_trees(&nodes[1..], &nodes, DEPTH, &mut [0; 8]).is_err());
        assert!(diff_trees(&nodes, &nodes, 21, &mut [0; 8]).is_err());
    }
}
