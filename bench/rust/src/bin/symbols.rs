//! How many symbols a difference of random items takes, for sets of several sizes.
//! `cargo run --release --bin symbols`

use mendlog_merkle::{CELL_BYTES, PROGRESS_LENGTH, Sign, add_to_sketch, peel_sketch};
use mendlog_merkle_bench::mixed;

fn main() {
    let mut drawn = 0;
    let mut draw = || {
        drawn += 1;
        mixed(drawn)
    };
    println!("differences, sets, symbols per difference, worst set");
    for (differences, sets) in
        [(1, 2000), (10, 2000), (100, 500), (600, 200), (1000, 100), (10_000, 10), (100_000, 2)]
    {
        let needed: Vec<usize> = (0..sets).map(|_| symbols_needed(differences, &mut draw)).collect();
        let mean = needed.iter().sum::<usize>() as f64 / (sets * differences) as f64;
        println!("{differences}, {sets}, {mean:.3}, {}", needed.iter().max().unwrap_or(&0));
    }
}

fn symbols_needed(differences: usize, draw: &mut impl FnMut() -> u64) -> usize {
    let counters: Vec<f64> = (0..differences).map(|_| (draw() >> 12) as f64).collect();
    let tags: Vec<u8> = (0..2 * differences).flat_map(|_| draw().to_le_bytes()).collect();
    let enough = 3 * differences + 400;
    let mut cells = vec![0; enough * CELL_BYTES];
    add_to_sketch(&mut cells, 0, &counters, &tags, Sign::Add).unwrap();
    let decodes = |symbols: usize| {
        let mut cells = cells[..symbols * CELL_BYTES].to_vec();
        let (mut items, mut progress) = (vec![0; cells.len()], [0; PROGRESS_LENGTH]);
        peel_sketch(&mut cells, &mut items, &mut progress).unwrap();
        progress[2] == 0 && progress[1] as usize == differences
    };
    assert!(decodes(enough));
    // What decodes from some symbols decodes from more.
    let (mut too_few, mut enough) = (0, enough);
    while enough - too_few > 1 {
        let middle = usize::midpoint(too_few, enough);
        if decodes(middle) { enough = middle } else { too_few = middle }
    }
    enough
}
