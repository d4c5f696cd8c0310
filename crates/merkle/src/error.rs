//! What can be wrong with a call, as one type.
//!
//! The input of a kernel comes from peers and from disks, so no function here
//! panics on it: each checks all lengths and indexes before it writes.

use std::fmt;

/// Why a call was refused. Nothing has been written when one is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelError {
    /// A buffer has another length than the call needs.
    Length { buffer: &'static str, expected: usize, actual: usize },
    /// A packed buffer is not a whole number of units.
    Partial { buffer: &'static str, unit: usize, actual: usize },
    /// The end at this position of a list of ends lies before the one before it.
    EndDescends { list: &'static str, position: usize },
    /// The last of a list of ends is not the size of what they divide.
    NotCovered { list: &'static str, covered: usize, whole: &'static str, expected: usize },
    /// A tag names a row that is not there.
    RowOutOfRange { tag: usize, row: usize, rows: usize },
    /// A sign that is neither 1 nor -1.
    UnknownSign { sign: i32 },
    /// Removing this tag would take the count of its row below zero.
    CountBelowZero { tag: usize, row: usize },
    /// The indexes of a list of rows do not ascend strictly at this position.
    IndexNotAscending { list: &'static str, position: usize },
    /// An index above 2^53 - 1, the largest integer that a JavaScript number holds exactly.
    IndexTooLarge { list: &'static str, position: usize },
    /// A tree deeper than [`crate::MERKLE_DEPTH_MAX`].
    DepthTooLarge { depth: u32, depth_max: u32 },
    /// A leaf beyond the last one of the tree.
    LeafOutOfRange { leaf: u32, depth: u32 },
    /// Rows are folded by a span of 0.
    SpanZero,
    /// A row that is folded into one that is not there.
    FoldOutOfRange { position: usize, rows: usize },
    /// A counter that is no integer from 0 to 2^53 - 1.
    NotACounter { item: usize },
    /// A sketch of more than [`crate::SKETCH_SYMBOLS_MAX`] symbols.
    TooManySymbols { first: usize, symbols: usize },
    /// The progress of a decoding counts more than there are symbols.
    ProgressBeyondSymbols { peeled: usize, found: usize, symbols: usize },
    /// Among the items found before is one that peeling did not write.
    NotAnItem { item: usize },
    /// Symbols contradict each other: an item came out of a symbol that it does not belong to.
    ItemNotMapped { symbol: usize },
    /// Symbols contradict each other: an item came out a second time.
    ItemTwice { counter: u64 },
    /// Symbols contradict each other: each can give one item, and there was one more.
    MoreItemsThanSymbols { symbols: usize },
    /// A message of symbols that does not have the format.
    MalformedSymbols { reason: &'static str, at: usize },
}

impl KernelError {
    /// Whether the caller broke the contract of the call (a `TypeError` in JavaScript).
    /// Otherwise the call was well formed, and what is stored or came from a peer is wrong (a `RangeError`).
    pub fn is_misuse(&self) -> bool {
        !matches!(
            self,
            Self::CountBelowZero { .. }
                | Self::ItemNotMapped { .. }
                | Self::ItemTwice { .. }
                | Self::MoreItemsThanSymbols { .. }
                | Self::MalformedSymbols { .. }
        )
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { buffer, expected, actual } => {
                write!(f, "{buffer} has length {actual}: expected {expected}")
            }
            Self::Partial { buffer, unit, actual } => {
                write!(f, "{buffer} has length {actual}: expected a multiple of {unit}")
            }
            Self::EndDescends { list, position } => {
                write!(f, "{list}[{position}] is less than the end before it")
            }
            Self::NotCovered { list, covered, whole, expected } => {
                write!(f, "the last of {list} is {covered}: expected {whole}, {expected}")
            }
            Self::RowOutOfRange { tag, row, rows } => {
                write!(f, "rowOf[{tag}] is {row}: there are {rows} rows")
            }
            Self::UnknownSign { sign } => write!(f, "sign is {sign}: expected 1 or -1"),
            Self::CountBelowZero { tag, row } => write!(
                f,
                "removing tag {tag} takes the count of row {row} below zero: \
                 more tags were removed from the row than were added"
            ),
            Self::IndexNotAscending { list, position } => write!(
                f,
                "{list}: the index at position {position} does not ascend: \
                 sort the rows by index, each index once"
            ),
            Self::IndexTooLarge { list, position } => {
                write!(f, "{list}: the index at position {position} is above 2^53 - 1")
            }
            Self::DepthTooLarge { depth, depth_max } => {
                write!(f, "depth is {depth}: the largest is {depth_max}")
            }
            Self::LeafOutOfRange { leaf, depth } => {
                write!(f, "leaf is {leaf}: a tree of depth {depth} has 2^{depth} leaves")
            }
            Self::SpanZero => write!(f, "span is 0: expected how many rows fold into one"),
            Self::FoldOutOfRange { position, rows } => {
                write!(f, "indexedRows: the row at position {position} falls into none of the {rows} rows")
            }
            Self::NotACounter { item } => {
                write!(f, "counters[{item}] is not an integer from 0 to 2^53 - 1")
            }
            Self::TooManySymbols { first, symbols } => write!(
                f,
                "{symbols} symbols from symbol {first} on: a sketch has at most {}",
                crate::SKETCH_SYMBOLS_MAX
            ),
            Self::ProgressBeyondSymbols { peeled, found, symbols } => {
                write!(f, "progress says {peeled} symbols and {found} items: there are {symbols} symbols")
            }
            Self::NotAnItem { item } => {
                write!(f, "item {item} is none that peeling wrote: pass items and progress on unchanged")
            }
            Self::ItemNotMapped { symbol } => {
                write!(f, "symbol {symbol} shows an item that does not belong to it")
            }
            Self::ItemTwice { counter } => {
                write!(f, "the symbols show the item of counter {counter} twice")
            }
            Self::MoreItemsThanSymbols { symbols } => {
                write!(f, "the {symbols} symbols show more items than there are symbols")
            }
            Self::MalformedSymbols { reason, at } => {
                write!(f, "the message of symbols {reason} (at byte {at})")
            }
        }
    }
}

impl std::error::Error for KernelError {}

/// Fails unless `buffer` has exactly `expected` elements.
pub(crate) fn check_length(buffer: &'static str, actual: usize, expected: usize) -> Result<(), KernelError> {
    if actual == expected { Ok(()) } else { Err(KernelError::Length { buffer, expected, actual }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_below_zero_is_not_misuse() {
        assert!(!KernelError::CountBelowZero { tag: 0, row: 0 }.is_misuse());
        assert!(KernelError::UnknownSign { sign: 0 }.is_misuse());
    }

    #[test]
    fn a_message_names_the_buffer_and_both_lengths() {
        let error = check_length("tagsOut", 15, 16).unwrap_err();
        assert_eq!(error.to_string(), "tagsOut has length 15: expected 16");
    }
}
