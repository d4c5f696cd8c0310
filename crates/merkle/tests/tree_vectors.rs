//! The vectors of the Merkle tree view.

mod support;

use mendlog_merkle::{TAG_BYTES, diff_trees, merkle_path, merkle_tree, tags, verify_path};
use serde::Deserialize;

use support::{Bytes, UNTOUCHED, assert_untouched, hex, read, succeeded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MerkleTree {
    name: String,
    key: Bytes,
    leaf_rows: Bytes,
    depth: u32,
    nodes_out_length: usize,
    root: Option<String>,
    nodes: Option<String>,
    /// The tag of all nodes, in place of the nodes of a large tree.
    nodes_tag: Option<String>,
    error: Option<String>,
}

#[test]
fn merkle_tree_vectors() {
    for vector in read::<MerkleTree>("merkleTree") {
        let key = vector.key.get();
        let mut out = vec![UNTOUCHED; vector.nodes_out_length];
        let result = merkle_tree(&key, &vector.leaf_rows.get(), vector.depth, &mut out);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            let mut tag = [0; TAG_BYTES];
            tags(&key, &out, &[u32::try_from(out.len()).unwrap()], &mut tag).unwrap();
            assert_eq!(Some(hex(&out[..32])), vector.root, "{}", vector.name);
            assert_eq!(Some(hex(&tag)), vector.nodes_tag, "{}", vector.name);
            if let Some(nodes) = vector.nodes {
                assert_eq!(hex(&out), nodes, "{}", vector.name);
            }
        } else {
            assert_untouched(&vector.name, &out);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DiffTrees {
    name: String,
    left: Bytes,
    right: Bytes,
    depth: u32,
    capacity: usize,
    leaves: Option<Vec<u32>>,
    error: Option<String>,
}

#[test]
fn diff_trees_vectors() {
    const UNTOUCHED_LEAF: u32 = u32::MAX;
    for vector in read::<DiffTrees>("diffTrees") {
        let mut out = vec![UNTOUCHED_LEAF; vector.capacity];
        let result = diff_trees(&vector.left.get(), &vector.right.get(), vector.depth, &mut out);
        let found = result.unwrap_or(0);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(out[..found].to_vec()), vector.leaves, "{}", vector.name);
        }
        assert!(out[found..].iter().all(|&leaf| leaf == UNTOUCHED_LEAF), "{}", vector.name);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MerklePath {
    name: String,
    nodes: Bytes,
    depth: u32,
    leaf: u32,
    path_out_length: usize,
    path: Option<String>,
    error: Option<String>,
}

#[test]
fn merkle_path_vectors() {
    for vector in read::<MerklePath>("merklePath") {
        let mut out = vec![UNTOUCHED; vector.path_out_length];
        let result = merkle_path(&vector.nodes.get(), vector.depth, vector.leaf, &mut out);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&out)), vector.path, "{}", vector.name);
        } else {
            assert_untouched(&vector.name, &out);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifyPath {
    name: String,
    key: Bytes,
    leaf_row: Bytes,
    leaf: u32,
    path: Bytes,
    root: Bytes,
    belongs: Option<bool>,
    error: Option<String>,
}

#[test]
fn verify_path_vectors() {
    for vector in read::<VerifyPath>("verifyPath") {
        let (row, path, root) = (vector.leaf_row.get(), vector.path.get(), vector.root.get());
        let result = verify_path(&vector.key.get(), &row, vector.leaf, &path, &root);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(result.ok(), vector.belongs, "{}", vector.name);
        }
    }
}
