//! The speed of the crate, each figure beside what it is compared with.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mendlog_merkle::{
    CELL_BYTES, PROGRESS_LENGTH, ROW_BYTES, Sign, add_tags, add_to_sketch, fold_rows, merkle_tree,
    peel_sketch, subtract_sketch, tags,
};
use mendlog_merkle_bench::{mixed, records};

const SYMBOLS: usize = 1024;
const ITEMS: u64 = 1024;
const NEW_ITEMS: u64 = 65_536;
/// The cells that an item is in, of 1,024, rounded.
const CELLS_PER_ITEM: usize = 13;

fn hash_tags(c: &mut Criterion) {
    let mut group = c.benchmark_group("tags of 1,024 x 256 B");
    let frames: Vec<u8> = (0..1024 * 256).map(|i| i as u8).collect();
    let ends: Vec<u32> = (1..=1024).map(|i| i * 256).collect();
    let mut out = vec![0; 1024 * 16];
    group.throughput(Throughput::Bytes(frames.len() as u64));
    group.bench_function("tags", |b| b.iter(|| tags(&[7; 32], &frames, &ends, &mut out).unwrap()));
    group.bench_function("blake3 hash loop", |b| {
        b.iter(|| frames.chunks_exact(256).for_each(|frame| _ = black_box(blake3::hash(frame))));
    });
    group.finish();
}

/// The processor learns where the items of a repeated batch end, and cannot where they are new: both are shown.
fn insert(c: &mut Criterion) {
    let mut group = c.benchmark_group("sketch insert");
    for items in [ITEMS, NEW_ITEMS] {
        let (counters, tags) = records(0..items);
        let mut cells = vec![0; SYMBOLS * CELL_BYTES];
        group.throughput(Throughput::Elements(items));
        group.bench_function(format!("add_to_sketch, {items} items"), |b| {
            b.iter(|| add_to_sketch(&mut cells, 0, &counters, &tags, Sign::Add).unwrap());
        });
        // As many cells of four lanes, at places that are known beforehand.
        let places: Vec<[u16; CELLS_PER_ITEM]> =
            (0..items).map(|i| std::array::from_fn(|j| (mixed(i * 64 + j as u64) % 1024) as u16)).collect();
        let mut table = vec![[0u64; 4]; SYMBOLS];
        group.bench_function(format!("plain update of 13 cells of 4 lanes, {items} items"), |b| {
            b.iter(|| {
                for (item, places) in (0u64..).zip(&places) {
                    for &place in places {
                        let cell = &mut table[usize::from(place)];
                        *cell = std::array::from_fn(|lane| cell[lane].wrapping_add(item + lane as u64));
                    }
                }
                black_box(&mut table);
            });
        });
    }
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("sketch subtract and peel");
    let mut here = vec![0; SYMBOLS * CELL_BYTES];
    let (counters, tags) = records(0..100_000);
    add_to_sketch(&mut here, 0, &counters, &tags, Sign::Add).unwrap();
    for differences in [0, 1, 100, 600] {
        let mut there = here.clone();
        let (counters, tags) = records(1_000_000..1_000_000 + differences);
        add_to_sketch(&mut there, 0, &counters, &tags, Sign::Add).unwrap();
        group.bench_function(format!("d={differences}"), |b| {
            b.iter(|| {
                let (mut cells, mut items) = (here.clone(), vec![0; here.len()]);
                let mut progress = [0; PROGRESS_LENGTH];
                subtract_sketch(&mut cells, &there).unwrap();
                peel_sketch(&mut cells, &mut items, &mut progress).unwrap();
                assert_eq!(u64::from(progress[1]), differences);
            });
        });
    }
    group.finish();
}

fn rows(c: &mut Criterion) {
    const RECORDS: u64 = 4_000_000;
    const SEGMENTS: usize = RECORDS as usize / 250;
    let mut group = c.benchmark_group("4 million records");
    group.sample_size(10);
    let row_of: Vec<u32> = (0..RECORDS).map(|i| (i / 250) as u32).collect();
    let (_, tags) = records(0..RECORDS);
    let mut rows = vec![0; SEGMENTS * ROW_BYTES];
    group.bench_function("rows from tags", |b| {
        b.iter(|| add_tags(&mut rows, &row_of, &tags, Sign::Add).unwrap());
    });
    let indexed: Vec<u8> = (0u64..)
        .zip(rows.chunks_exact(ROW_BYTES))
        .flat_map(|(index, row)| [&index.to_le_bytes()[..], row].concat())
        .collect();
    let mut nodes = vec![0; 2047 * 32];
    group.bench_function("Merkle view from rows (depth 10)", |b| {
        b.iter(|| {
            let mut leaves = vec![0; 1024 * ROW_BYTES];
            fold_rows(&indexed, 16, &mut leaves).unwrap();
            merkle_tree(&[7; 32], &leaves, 10, &mut nodes).unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, hash_tags, insert, decode, rows);
criterion_main!(benches);
