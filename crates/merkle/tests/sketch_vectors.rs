//! The vectors of the sketch, as `vectors.rs` has those of tags, rows and trees.

mod support;

use mendlog_merkle::{
    CELL_BYTES, Sign, add_to_sketch, decode_symbols, encode_symbols, peel_sketch, subtract_sketch,
};
use serde::Deserialize;

use support::{Bytes, UNTOUCHED, assert_untouched, hex, read, succeeded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AddToSketch {
    name: String,
    cells: Bytes,
    first: usize,
    counters: Vec<f64>,
    tags: Bytes,
    sign: i32,
    cells_out: Option<String>,
    error: Option<String>,
}

#[test]
fn add_to_sketch_vectors() {
    for vector in read::<AddToSketch>("addToSketch") {
        let before = vector.cells.get();
        let mut cells = before.clone();
        let result = Sign::try_from(vector.sign).and_then(|sign| {
            add_to_sketch(&mut cells, vector.first, &vector.counters, &vector.tags.get(), sign)
        });
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&cells)), vector.cells_out, "{}", vector.name);
        } else {
            assert_eq!(cells, before, "{}: written before it was refused", vector.name);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubtractSketch {
    name: String,
    cells: Bytes,
    other: Bytes,
    cells_out: Option<String>,
    error: Option<String>,
}

#[test]
fn subtract_sketch_vectors() {
    for vector in read::<SubtractSketch>("subtractSketch") {
        let before = vector.cells.get();
        let mut cells = before.clone();
        let result = subtract_sketch(&mut cells, &vector.other.get());
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&cells)), vector.cells_out, "{}", vector.name);
        } else {
            assert_eq!(cells, before, "{}: written before it was refused", vector.name);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PeelSketch {
    name: String,
    cells: Bytes,
    items: Bytes,
    progress: Vec<u32>,
    cells_out: Option<String>,
    items_out: Option<String>,
    progress_out: Option<Vec<u32>>,
    error: Option<String>,
}

#[test]
fn peel_sketch_vectors() {
    for vector in read::<PeelSketch>("peelSketch") {
        let before = (vector.cells.get(), vector.items.get(), vector.progress);
        let (mut cells, mut items, mut progress) = before.clone();
        let result = peel_sketch(&mut cells, &mut items, &mut progress);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&cells)), vector.cells_out, "{}", vector.name);
            assert_eq!(Some(hex(&items)), vector.items_out, "{}", vector.name);
            assert_eq!(Some(progress), vector.progress_out, "{}", vector.name);
        } else {
            assert_eq!((cells, items, progress), before, "{}: written before it was refused", vector.name);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EncodeSymbols {
    name: String,
    cells: Bytes,
    first: usize,
    message_out_length: usize,
    message: Option<String>,
    error: Option<String>,
}

#[test]
fn encode_symbols_vectors() {
    for vector in read::<EncodeSymbols>("encodeSymbols") {
        let mut out = vec![UNTOUCHED; vector.message_out_length];
        let result = encode_symbols(&vector.cells.get(), vector.first, &mut out);
        let length = result.unwrap_or(0);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&out[..length])), vector.message, "{}", vector.name);
        }
        assert_untouched(&vector.name, &out[length..]);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DecodeSymbols {
    name: String,
    message: Bytes,
    first: usize,
    room: usize,
    cells: Option<String>,
    error: Option<String>,
}

#[test]
fn decode_symbols_vectors() {
    for vector in read::<DecodeSymbols>("decodeSymbols") {
        let mut out = vec![UNTOUCHED; vector.room * CELL_BYTES];
        let result = decode_symbols(&vector.message.get(), vector.first, &mut out);
        let length = result.unwrap_or(0) * CELL_BYTES;
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&out[..length])), vector.cells, "{}", vector.name);
        }
        assert_untouched(&vector.name, &out[length..]);
    }
}
