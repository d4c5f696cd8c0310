//! The hashing core as a WebAssembly module.
//!
//! Each function here only hands slices over and turns a typed error into the
//! JavaScript error that the `DigestKernel` contract names. wasm-bindgen copies
//! the slices into linear memory and the mutable ones back, also when the call
//! throws: hence an error must leave the buffers as they were.

use mendlog_merkle::{KernelError, Sign};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    type TypeError;
    #[wasm_bindgen(constructor)]
    fn new(message: &str) -> TypeError;

    type RangeError;
    #[wasm_bindgen(constructor)]
    fn new(message: &str) -> RangeError;
}

fn to_js(error: KernelError) -> JsValue {
    let message = error.to_string();
    if error.is_misuse() { TypeError::new(&message).into() } else { RangeError::new(&message).into() }
}

#[wasm_bindgen(js_name = deriveKey)]
pub fn derive_key(context: &str, material: &[u8]) -> Vec<u8> {
    mendlog_merkle::derive_key(context, material).to_vec()
}

#[wasm_bindgen]
pub fn tags(key: &[u8], frames: &[u8], ends: &[u32], tags_out: &mut [u8]) -> Result<(), JsValue> {
    mendlog_merkle::tags(key, frames, ends, tags_out).map_err(to_js)
}

#[wasm_bindgen(js_name = groupTags)]
pub fn group_tags(
    keys: &[u8],
    group_ends: &[u32],
    frames: &[u8],
    ends: &[u32],
    tags_out: &mut [u8],
) -> Result<(), JsValue> {
    mendlog_merkle::group_tags(keys, group_ends, frames, ends, tags_out).map_err(to_js)
}

#[wasm_bindgen(js_name = addTags)]
pub fn add_tags(rows: &mut [u8], row_of: &[u32], tags: &[u8], sign: i32) -> Result<(), JsValue> {
    let sign = Sign::try_from(sign).map_err(to_js)?;
    mendlog_merkle::add_tags(rows, row_of, tags, sign).map_err(to_js)
}

#[wasm_bindgen(js_name = sumRows)]
pub fn sum_rows(rows: &[u8], row_out: &mut [u8]) -> Result<(), JsValue> {
    mendlog_merkle::sum_rows(rows, row_out).map_err(to_js)
}

#[wasm_bindgen(js_name = diffRows)]
pub fn diff_rows(left: &[u8], right: &[u8], indexes_out: &mut [f64]) -> Result<usize, JsValue> {
    mendlog_merkle::diff_rows(left, right, indexes_out).map_err(to_js)
}

#[wasm_bindgen(js_name = merkleTree)]
pub fn merkle_tree(key: &[u8], leaf_rows: &[u8], depth: u32, nodes_out: &mut [u8]) -> Result<(), JsValue> {
    mendlog_merkle::merkle_tree(key, leaf_rows, depth, nodes_out).map_err(to_js)
}

#[wasm_bindgen(js_name = foldRows)]
pub fn fold_rows(indexed_rows: &[u8], span: f64, rows: &mut [u8]) -> Result<(), JsValue> {
    // Exact: the kernel's TypeScript lets only safe integers pass.
    mendlog_merkle::fold_rows(indexed_rows, span as u64, rows).map_err(to_js)
}

#[wasm_bindgen(js_name = diffTrees)]
pub fn diff_trees(left: &[u8], right: &[u8], depth: u32, leaves_out: &mut [u32]) -> Result<usize, JsValue> {
    mendlog_merkle::diff_trees(left, right, depth, leaves_out).map_err(to_js)
}

#[wasm_bindgen(js_name = merklePath)]
pub fn merkle_path(nodes: &[u8], depth: u32, leaf: u32, path_out: &mut [u8]) -> Result<(), JsValue> {
    mendlog_merkle::merkle_path(nodes, depth, leaf, path_out).map_err(to_js)
}

#[wasm_bindgen(js_name = verifyPath)]
pub fn verify_path(
    key: &[u8],
    leaf_row: &[u8],
    leaf: u32,
    path: &[u8],
    root: &[u8],
) -> Result<bool, JsValue> {
    mendlog_merkle::verify_path(key, leaf_row, leaf, path, root).map_err(to_js)
}

#[wasm_bindgen(js_name = addToSketch)]
pub fn add_to_sketch(
    cells: &mut [u8],
    first: usize,
    counters: &[f64],
    tags: &[u8],
    sign: i32,
) -> Result<(), JsValue> {
    let sign = Sign::try_from(sign).map_err(to_js)?;
    mendlog_merkle::add_to_sketch(cells, first, counters, tags, sign).map_err(to_js)
}

#[wasm_bindgen(js_name = subtractSketch)]
pub fn subtract_sketch(cells: &mut [u8], other: &[u8]) -> Result<(), JsValue> {
    mendlog_merkle::subtract_sketch(cells, other).map_err(to_js)
}

#[wasm_bindgen(js_name = peelSketch)]
pub fn peel_sketch(cells: &mut [u8], items: &mut [u8], progress: &mut [u32]) -> Result<(), JsValue> {
    mendlog_merkle::peel_sketch(cells, items, progress).map_err(to_js)
}

#[wasm_bindgen(js_name = encodeSymbols)]
pub fn encode_symbols(cells: &[u8], first: usize, message_out: &mut [u8]) -> Result<usize, JsValue> {
    mendlog_merkle::encode_symbols(cells, first, message_out).map_err(to_js)
}

#[wasm_bindgen(js_name = decodeSymbols)]
pub fn decode_symbols(message: &[u8], first: usize, cells_out: &mut [u8]) -> Result<usize, JsValue> {
    mendlog_merkle::decode_symbols(message, first, cells_out).map_err(to_js)
}

/// Bytes of linear memory, which can grow and never shrinks: for tests and metrics.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> usize {
    const PAGE_BYTES: usize = 65_536;
    core::arch::wasm32::memory_size(0) * PAGE_BYTES
}
