//! The vectors that every kernel must pass, made from the oracle in TypeScript
//! by scripts/make-vectors.mjs. A vector that names an error must be refused
//! and leave the output as it was.

mod support;

use mendlog_merkle::{Sign, add_tags, derive_key, diff_rows, fold_rows, group_tags, sum_rows, tags};
use serde::Deserialize;

use support::{Bytes, UNTOUCHED, assert_untouched, hex, read, succeeded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeriveKey {
    name: String,
    context: String,
    material: Bytes,
    key: String,
}

#[test]
fn derive_key_vectors() {
    for vector in read::<DeriveKey>("deriveKey") {
        let key = derive_key(&vector.context, &vector.material.get());
        assert_eq!(hex(&key), vector.key, "{}", vector.name);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tags {
    name: String,
    key: Bytes,
    frames: Vec<Bytes>,
    ends: Vec<u32>,
    tags_out_length: usize,
    tags_out: Option<String>,
    error: Option<String>,
}

#[test]
fn tags_vectors() {
    for vector in read::<Tags>("tags") {
        let frames: Vec<u8> = vector.frames.iter().flat_map(Bytes::get).collect();
        let mut out = vec![UNTOUCHED; vector.tags_out_length];
        let result = tags(&vector.key.get(), &frames, &vector.ends, &mut out);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&out)), vector.tags_out, "{}", vector.name);
        } else {
            assert_untouched(&vector.name, &out);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupTags {
    name: String,
    keys: Vec<Bytes>,
    group_ends: Vec<u32>,
    frames: Vec<Bytes>,
    ends: Vec<u32>,
    tags_out_length: usize,
    tags_out: Option<String>,
    error: Option<String>,
}

#[test]
fn group_tags_vectors() {
    for vector in read::<GroupTags>("groupTags") {
        let keys: Vec<u8> = vector.keys.iter().flat_map(Bytes::get).collect();
        let frames: Vec<u8> = vector.frames.iter().flat_map(Bytes::get).collect();
        let mut out = vec![UNTOUCHED; vector.tags_out_length];
        let result = group_tags(&keys, &vector.group_ends, &frames, &vector.ends, &mut out);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&out)), vector.tags_out, "{}", vector.name);
        } else {
            assert_untouched(&vector.name, &out);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AddTags {
    name: String,
    rows: Bytes,
    row_of: Vec<u32>,
    tags: Bytes,
    sign: i32,
    rows_out: Option<String>,
    error: Option<String>,
}

#[test]
fn add_tags_vectors() {
    for vector in read::<AddTags>("addTags") {
        let before = vector.rows.get();
        let mut rows = before.clone();
        let result = Sign::try_from(vector.sign)
            .and_then(|sign| add_tags(&mut rows, &vector.row_of, &vector.tags.get(), sign));
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&rows)), vector.rows_out, "{}", vector.name);
        } else {
            assert_eq!(rows, before, "{}: written before it was refused", vector.name);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SumRows {
    name: String,
    rows: Bytes,
    row_out_length: usize,
    row_out: Option<String>,
    error: Option<String>,
}

#[test]
fn sum_rows_vectors() {
    for vector in read::<SumRows>("sumRows") {
        let mut out = vec![UNTOUCHED; vector.row_out_length];
        let result = sum_rows(&vector.rows.get(), &mut out);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&out)), vector.row_out, "{}", vector.name);
        } else {
            assert_untouched(&vector.name, &out);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DiffRows {
    name: String,
    left: Bytes,
    right: Bytes,
    capacity: usize,
    indexes: Option<Vec<f64>>,
    error: Option<String>,
}

#[test]
fn diff_rows_vectors() {
    const UNTOUCHED_INDEX: f64 = -1.0;
    for vector in read::<DiffRows>("diffRows") {
        let mut out = vec![UNTOUCHED_INDEX; vector.capacity];
        let result = diff_rows(&vector.left.get(), &vector.right.get(), &mut out);
        let found = result.unwrap_or(0);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(out[..found].to_vec()), vector.indexes, "{}", vector.name);
        }
        assert!(out[found..].iter().all(|&index| index == UNTOUCHED_INDEX), "{}", vector.name);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FoldRows {
    name: String,
    indexed_rows: Bytes,
    span: u64,
    rows: Bytes,
    rows_out: Option<String>,
    error: Option<String>,
}

#[test]
fn fold_rows_vectors() {
    for vector in read::<FoldRows>("foldRows") {
        let before = vector.rows.get();
        let mut rows = before.clone();
        let result = fold_rows(&vector.indexed_rows.get(), vector.span, &mut rows);
        if succeeded(&vector.name, &result, vector.error.as_deref()) {
            assert_eq!(Some(hex(&rows)), vector.rows_out, "{}", vector.name);
        } else {
            assert_eq!(rows, before, "{}: written before it was refused", vector.name);
        }
    }
}
