//! The hashing core of Mendlog, without any binding: pure functions over byte
//! buffers of the caller.
//!
//! ```text
//! frame --tags--> tag (16 B) --add_tags--> row (24 B) --sum_rows--> row of a range
//!                                              |------- fold_rows -> rows of the level above, leaves
//!                                              |------- diff_rows -> indexes that differ
//!                                              '------- merkle_tree -> nodes (32 B) -> diff_trees, paths
//! counter and tag --add_to_sketch--> cells (24 B) --subtract_sketch, peel_sketch--> items that differ
//!                                        '-- encode_symbols, decode_symbols -- message
//! ```
//!
//! The contract is the `DigestKernel` of `packages/core`; its oracle in
//! TypeScript and this crate pass the same vectors (`vectors/*.json`).

// Allowed in keyed_hash/avx2.rs alone, which says why it may.
#![deny(unsafe_code)]

mod diff;
mod error;
mod fold;
mod keyed_hash;
mod mapping;
mod path;
mod peel;
mod rows;
mod sketch;
mod symbols;
mod tags;
mod tree;
mod tree_diff;

pub use diff::{INDEX_MAX, INDEXED_ROW_BYTES, diff_rows};
pub use error::KernelError;
pub use fold::fold_rows;
pub use keyed_hash::{KEY_BYTES, TAG_BYTES};
pub use path::{merkle_path, verify_path};
pub use peel::{PROGRESS_LENGTH, peel_sketch};
pub use rows::{ROW_BYTES, Sign, add_tags, sum_rows};
pub use sketch::{CELL_BYTES, COUNTER_MAX, SKETCH_SYMBOLS_MAX, add_to_sketch, subtract_sketch};
pub use symbols::{SYMBOLS_VERSION, decode_symbols, encode_symbols, symbols_bytes_max};
pub use tags::{derive_key, group_tags, tags};
pub use tree::{MERKLE_DEPTH_MAX, NODE_BYTES, merkle_tree};
pub use tree_diff::diff_trees;
