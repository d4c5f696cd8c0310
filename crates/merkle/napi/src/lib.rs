//! The hashing core as a native addon of Node.js.
//!
//! Each function here only hands slices over and turns a typed error into the
//! JavaScript error that the `DigestKernel` contract names. Nothing is copied.

mod buffers;

use mendlog_merkle::{KernelError, Sign};
use napi::bindgen_prelude::{
    Env, Error, Float64ArraySlice, Result, Status, Uint8Array, Uint8ArraySlice, Uint32ArraySlice,
};
use napi_derive::napi;

use buffers::{Output, Span, overlap, span_of};

/// Throws the error of a call that was refused.
fn refuse<T>(env: Env, error: KernelError) -> Result<T> {
    let message = error.to_string();
    if error.is_misuse() {
        env.throw_type_error(&message, None)?
    } else {
        env.throw_range_error(&message, None)?
    }
    Err(Error::from_status(Status::PendingException))
}

/// Throws where an output overlaps another buffer of the call.
fn check_apart(env: Env, outputs: &[Span], inputs: &[Span]) -> Result<()> {
    for (i, output) in outputs.iter().enumerate() {
        if outputs[..i].iter().chain(inputs).any(|other| overlap(output, other)) {
            env.throw_type_error("a buffer that is written to overlaps another buffer of the call", None)?;
            return Err(Error::from_status(Status::PendingException));
        }
    }
    Ok(())
}

#[napi]
pub fn derive_key(context: String, material: Uint8ArraySlice) -> Uint8Array {
    Uint8Array::new(mendlog_merkle::derive_key(&context, &material).to_vec())
}

#[napi]
pub fn tags(
    env: Env,
    key: Uint8ArraySlice,
    frames: Uint8ArraySlice,
    ends: Uint32ArraySlice,
    mut tags_out: Uint8ArraySlice,
) -> Result<()> {
    check_apart(env, &[tags_out.span()], &[span_of(&key), span_of(&frames), span_of(&ends)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let tags_out = unsafe { tags_out.slice_mut() };
    mendlog_merkle::tags(&key, &frames, &ends, tags_out).or_else(|error| refuse(env, error))
}

#[napi]
pub fn group_tags(
    env: Env,
    keys: Uint8ArraySlice,
    group_ends: Uint32ArraySlice,
    frames: Uint8ArraySlice,
    ends: Uint32ArraySlice,
    mut tags_out: Uint8ArraySlice,
) -> Result<()> {
    let inputs = [span_of(&keys), span_of(&group_ends), span_of(&frames), span_of(&ends)];
    check_apart(env, &[tags_out.span()], &inputs)?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let tags_out = unsafe { tags_out.slice_mut() };
    mendlog_merkle::group_tags(&keys, &group_ends, &frames, &ends, tags_out)
        .or_else(|error| refuse(env, error))
}

#[napi]
pub fn add_tags(
    env: Env,
    mut rows: Uint8ArraySlice,
    row_of: Uint32ArraySlice,
    tags: Uint8ArraySlice,
    sign: i32,
) -> Result<()> {
    check_apart(env, &[rows.span()], &[span_of(&row_of), span_of(&tags)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let rows = unsafe { rows.slice_mut() };
    Sign::try_from(sign)
        .and_then(|sign| mendlog_merkle::add_tags(rows, &row_of, &tags, sign))
        .or_else(|error| refuse(env, error))
}

#[napi]
pub fn sum_rows(env: Env, rows: Uint8ArraySlice, mut row_out: Uint8ArraySlice) -> Result<()> {
    check_apart(env, &[row_out.span()], &[span_of(&rows)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let row_out = unsafe { row_out.slice_mut() };
    mendlog_merkle::sum_rows(&rows, row_out).or_else(|error| refuse(env, error))
}

#[napi]
pub fn fold_rows(
    env: Env,
    indexed_rows: Uint8ArraySlice,
    span: f64,
    mut rows: Uint8ArraySlice,
) -> Result<()> {
    check_apart(env, &[rows.span()], &[span_of(&indexed_rows)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let rows = unsafe { rows.slice_mut() };
    // Exact: the TypeScript around it lets only safe integers pass.
    mendlog_merkle::fold_rows(&indexed_rows, span as u64, rows).or_else(|error| refuse(env, error))
}

#[napi]
pub fn diff_rows(
    env: Env,
    left: Uint8ArraySlice,
    right: Uint8ArraySlice,
    mut indexes_out: Float64ArraySlice,
) -> Result<u32> {
    check_apart(env, &[indexes_out.span()], &[span_of(&left), span_of(&right)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let indexes_out = unsafe { indexes_out.slice_mut() };
    mendlog_merkle::diff_rows(&left, &right, indexes_out)
        .map(|count| count as u32)
        .or_else(|error| refuse(env, error))
}

#[napi]
pub fn merkle_tree(
    env: Env,
    key: Uint8ArraySlice,
    leaf_rows: Uint8ArraySlice,
    depth: u32,
    mut nodes_out: Uint8ArraySlice,
) -> Result<()> {
    check_apart(env, &[nodes_out.span()], &[span_of(&key), span_of(&leaf_rows)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let nodes_out = unsafe { nodes_out.slice_mut() };
    mendlog_merkle::merkle_tree(&key, &leaf_rows, depth, nodes_out).or_else(|error| refuse(env, error))
}

#[napi]
pub fn diff_trees(
    env: Env,
    left: Uint8ArraySlice,
    right: Uint8ArraySlice,
    depth: u32,
    mut leaves_out: Uint32ArraySlice,
) -> Result<u32> {
    check_apart(env, &[leaves_out.span()], &[span_of(&left), span_of(&right)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let leaves_out = unsafe { leaves_out.slice_mut() };
    mendlog_merkle::diff_trees(&left, &right, depth, leaves_out)
        .map(|count| count as u32)
        .or_else(|error| refuse(env, error))
}

#[napi]
pub fn merkle_path(
    env: Env,
    nodes: Uint8ArraySlice,
    depth: u32,
    leaf: u32,
    mut path_out: Uint8ArraySlice,
) -> Result<()> {
    check_apart(env, &[path_out.span()], &[span_of(&nodes)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let path_out = unsafe { path_out.slice_mut() };
    mendlog_merkle::merkle_path(&nodes, depth, leaf, path_out).or_else(|error| refuse(env, error))
}

#[napi]
pub fn verify_path(
    env: Env,
    key: Uint8ArraySlice,
    leaf_row: Uint8ArraySlice,
    leaf: u32,
    path: Uint8ArraySlice,
    root: Uint8ArraySlice,
) -> Result<bool> {
    mendlog_merkle::verify_path(&key, &leaf_row, leaf, &path, &root).or_else(|error| refuse(env, error))
}

#[napi]
pub fn add_to_sketch(
    env: Env,
    mut cells: Uint8ArraySlice,
    first: u32,
    counters: Float64ArraySlice,
    tags: Uint8ArraySlice,
    sign: i32,
) -> Result<()> {
    check_apart(env, &[cells.span()], &[span_of(&counters), span_of(&tags)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let cells = unsafe { cells.slice_mut() };
    Sign::try_from(sign)
        .and_then(|sign| mendlog_merkle::add_to_sketch(cells, first as usize, &counters, &tags, sign))
        .or_else(|error| refuse(env, error))
}

#[napi]
pub fn subtract_sketch(env: Env, mut cells: Uint8ArraySlice, other: Uint8ArraySlice) -> Result<()> {
    check_apart(env, &[cells.span()], &[span_of(&other)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let cells = unsafe { cells.slice_mut() };
    mendlog_merkle::subtract_sketch(cells, &other).or_else(|error| refuse(env, error))
}

#[napi]
pub fn peel_sketch(
    env: Env,
    mut cells: Uint8ArraySlice,
    mut items: Uint8ArraySlice,
    mut progress: Uint32ArraySlice,
) -> Result<()> {
    check_apart(env, &[cells.span(), items.span(), progress.span()], &[])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let (cells, items, progress) = unsafe { (cells.slice_mut(), items.slice_mut(), progress.slice_mut()) };
    mendlog_merkle::peel_sketch(cells, items, progress).or_else(|error| refuse(env, error))
}

#[napi]
pub fn encode_symbols(
    env: Env,
    cells: Uint8ArraySlice,
    first: u32,
    mut message_out: Uint8ArraySlice,
) -> Result<u32> {
    check_apart(env, &[message_out.span()], &[span_of(&cells)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let message_out = unsafe { message_out.slice_mut() };
    mendlog_merkle::encode_symbols(&cells, first as usize, message_out)
        .map(|count| count as u32)
        .or_else(|error| refuse(env, error))
}

#[napi]
pub fn decode_symbols(
    env: Env,
    message: Uint8ArraySlice,
    first: u32,
    mut cells_out: Uint8ArraySlice,
) -> Result<u32> {
    check_apart(env, &[cells_out.span()], &[span_of(&message)])?;
    // SAFETY: check_apart has seen that nothing else reaches what is written to.
    let cells_out = unsafe { cells_out.slice_mut() };
    mendlog_merkle::decode_symbols(&message, first as usize, cells_out)
        .map(|count| count as u32)
        .or_else(|error| refuse(env, error))
}
