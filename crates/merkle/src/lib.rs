//! The hashing core of Mendlog, without any binding: pure functions over byte
//! buffers of the caller.
//!
//! ```text
//! frame --tags--> tag (16 B) --add_tags--> row (24 B) --sum_rows--> row of a range
//!                                              |------- diff_rows-> indexes that differ
//!                                              '------- merkle_tree -> nodes (32 B)
//! ```
//!
//! The contract is the `DigestKernel` of `packages/core`; its oracle in
//! TypeScript and this crate pass the same vectors (`vectors/*.json`).

#![forbid(unsafe_code)]

mod diff;
mod error;
mod rows;
mod tags;
mod tree;

pub use diff::{INDEX_MAX, INDEXED_ROW_BYTES, diff_rows};
pub use error::KernelError;
pub use rows::{ROW_BYTES, Sign, add_tags, sum_rows};
pub use tags::{KEY_BYTES, TAG_BYTES, derive_key, tags};
pub use tree::{MERKLE_DEPTH_MAX, NODE_BYTES, merkle_tree};
