//! Two sets of a million ids, reconciled by negentropy 0.5: bytes both ways and the CPU time of both sides, with
//! the sealed storage at hand, as a table. bench/src/reconcile.ts does the same with the others.

use std::time::Instant;

use mendlog_merkle_bench::tag;
use negentropy::{Id, Negentropy, NegentropyStorageVector};

const RECORDS: u64 = 1_000_000;

/// Which records one side lacks.
struct Case {
    name: &'static str,
    lacks: fn(u64) -> bool,
}

const CASES: [Case; 4] = [
    Case { name: "1 scattered", lacks: |counter| counter == RECORDS / 2 },
    Case { name: "100 scattered", lacks: |counter| counter % 10_000 == 17 },
    Case { name: "1,000 scattered", lacks: |counter| counter % 1_000 == 17 },
    Case { name: "10,000 clustered", lacks: |counter| (500_000..510_000).contains(&counter) },
];

fn storage(counters: impl Iterator<Item = u64>) -> NegentropyStorageVector {
    let mut storage = NegentropyStorageVector::with_capacity(RECORDS as usize);
    for counter in counters {
        let mut id = [0; 32];
        id[..16].copy_from_slice(&tag(counter));
        storage.insert(counter, Id::from_byte_array(id)).unwrap();
    }
    storage.seal().unwrap();
    storage
}

fn main() {
    println!("d, bytes, CPU ms of both sides, building one side ms, found");
    for Case { name, lacks } in CASES {
        let started = Instant::now();
        let here = storage(0..RECORDS);
        let building = started.elapsed();
        let there = storage((0..RECORDS).filter(|&counter| !lacks(counter)));

        let started = Instant::now();
        let mut client = Negentropy::borrowed(&there, 0).unwrap();
        let mut server = Negentropy::borrowed(&here, 0).unwrap();
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let mut message = client.initiate().unwrap();
        let mut bytes = message.len();
        loop {
            let answer = server.reconcile(&message).unwrap();
            bytes += answer.len();
            match client.reconcile_with_ids(&answer, &mut have, &mut need).unwrap() {
                Some(next) => {
                    bytes += next.len();
                    message = next;
                }
                None => break,
            }
        }
        let cpu = started.elapsed();
        println!(
            "{name}, {bytes}, {:.2}, {:.0}, {}",
            cpu.as_secs_f64() * 1e3,
            building.as_secs_f64() * 1e3,
            have.len() + need.len()
        );
    }
}
