//! Reading the vectors of crates/merkle/vectors, and the checks that all calls share.

use std::fmt::Debug;
use std::path::Path;

use mendlog_merkle::KernelError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What fills an output before a call.
pub const UNTOUCHED: u8 = 0xa5;

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Bytes {
    Hex(String),
    /// So many bytes, byte i being i mod 251.
    Pattern {
        pattern: usize,
    },
}

impl Bytes {
    pub fn get(&self) -> Vec<u8> {
        match self {
            Self::Hex(text) => unhex(text),
            Self::Pattern { pattern } => (0..*pattern).map(|i| (i % 251) as u8).collect(),
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte in {text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn read<T: DeserializeOwned>(call: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{call}.json"));
    let vectors: Vec<T> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!vectors.is_empty());
    vectors
}

/// Whether the vector was to succeed, having checked that the call did what it says.
pub fn succeeded<T: Debug>(name: &str, result: &Result<T, KernelError>, error: Option<&str>) -> bool {
    match (result, error) {
        (Ok(_), None) => true,
        (Err(refused), Some(expected)) => {
            let class = if refused.is_misuse() { "TypeError" } else { "RangeError" };
            assert_eq!(class, expected, "{name}: {refused}");
            false
        }
        _ => panic!("{name}: got {result:?}, expected error {error:?}"),
    }
}

pub fn assert_untouched(name: &str, output: &[u8]) {
    assert!(output.iter().all(|&byte| byte == UNTOUCHED), "{name}: written before it was refused");
}
