//! Trees and paths of a peer: compared and verified without a panic, and no forged path is believed.
//! Input: depth, leaf and capacity (1 byte each), then bytes for rows, nodes and paths.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mendlog_merkle::{NODE_BYTES, ROW_BYTES, diff_trees, merkle_path, merkle_tree, verify_path};

const KEY: [u8; 32] = [9; 32];
const DEPTH_MAX: u32 = 4;

fuzz_target!(|input: &[u8]| {
    let Some((&[depth, leaf, capacity], bytes)) = input.split_first_chunk::<3>() else { return };
    let (depth, leaf) = (u32::from(depth) % (DEPTH_MAX + 2), u32::from(leaf));
    let mut leaves = vec![0; usize::from(capacity)];
    let _ = diff_trees(bytes, &bytes[bytes.len() / 2..], depth, &mut leaves);
    let _ = verify_path(&KEY, &[0; ROW_BYTES], leaf, bytes, &[0; NODE_BYTES]);
    if depth > DEPTH_MAX {
        return;
    }

    let mut rows = vec![0; ROW_BYTES << depth];
    for (row, byte) in rows.iter_mut().zip(bytes) {
        *row = *byte;
    }
    let mut nodes = vec![0; ((2 << depth) - 1) * NODE_BYTES];
    merkle_tree(&KEY, &rows, depth, &mut nodes).unwrap();
    assert_eq!(diff_trees(&nodes, &nodes, depth, &mut leaves), Ok(0));
    let mut path = vec![0; depth as usize * NODE_BYTES];
    let root = nodes[..NODE_BYTES].to_vec();
    let Ok(()) = merkle_path(&nodes, depth, leaf, &mut path) else {
        assert!(leaf >> depth > 0);
        return;
    };
    let row = &rows[leaf as usize * ROW_BYTES..][..ROW_BYTES];
    assert_eq!(verify_path(&KEY, row, leaf, &path, &root), Ok(true));
    let honest = path.clone();
    for (byte, other) in path.iter_mut().zip(bytes.iter().rev()) {
        *byte ^= other;
    }
    assert_eq!(verify_path(&KEY, row, leaf, &path, &root), Ok(path == honest));
});
