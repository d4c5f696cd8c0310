//! Symbols of a sketch as a message.
//!
//! ```text
//! version u8 = 1 | first varint | symbols varint | symbol ...
//! symbol: counters (7 bytes) | tag prefixes (8) | high half of the seals (4) | count (zigzag varint)
//! ```
//!
//! Numbers are little-endian, varints LEB128 in the shortest form. What is written
//! of a count is its distance from what the count before it lets expect: symbol i
//! holds about (i + 1) / (i + 2) of the items of the one before. So a symbol of a
//! large set takes about 21 bytes too.
//!
//! A message comes from a peer: it is read in full before anything is written, and
//! its lengths must fit the buffer of the caller.

use crate::error::{KernelError, check_length};
use crate::sketch::{CELL_BYTES, Cell, check_symbols};

/// The version of the format.
pub const SYMBOLS_VERSION: u8 = 1;

const COUNTERS_BYTES: usize = 7;
const FIXED_BYTES: usize = COUNTERS_BYTES + 8 + 4;
const COUNT_BYTES_MAX: usize = 5;
const HEADER_BYTES_MAX: usize = 1 + 3 + 3;

/// The longest message of so many symbols.
pub const fn symbols_bytes_max(symbols: usize) -> usize {
    HEADER_BYTES_MAX + symbols * (FIXED_BYTES + COUNT_BYTES_MAX)
}

/// Writes a message of the packed cells, of which the first is symbol `first`, and
/// returns its length. `message_out` has [`symbols_bytes_max`] of them.
pub fn encode_symbols(cells: &[u8], first: usize, message_out: &mut [u8]) -> Result<usize, KernelError> {
    check_symbols("cells", first, cells.len())?;
    let symbols = cells.len() / CELL_BYTES;
    check_length("messageOut", message_out.len(), symbols_bytes_max(symbols))?;
    let mut out = Writer { bytes: message_out, end: 0 };
    out.put(&[SYMBOLS_VERSION]);
    out.put_varint(first as u32);
    out.put_varint(symbols as u32);
    let mut before = 0;
    for (index, cell) in (first..).zip(cells.as_chunks().0.iter().map(Cell::read)) {
        out.put(&cell.counters().to_le_bytes()[..COUNTERS_BYTES]);
        out.put(&cell.tags.to_le_bytes());
        out.put(&((cell.seals >> 32) as u32).to_le_bytes());
        out.put_varint(zigzag(cell.count().wrapping_sub(expected_count(before, index))));
        before = cell.count();
    }
    Ok(out.end)
}

/// Reads a message whose first symbol must be `first` into `cells_out`, and returns
/// how many symbols it held: at most as many as there is room for.
pub fn decode_symbols(message: &[u8], first: usize, cells_out: &mut [u8]) -> Result<usize, KernelError> {
    let end = check_symbols("cellsOut", first, cells_out.len())?;
    let (mut reader, symbols) = read_header(message, first, end - first)?;
    // Once without writing, so that a refusal leaves the buffer as it was.
    let body = reader.at;
    read_cells(&mut reader, first, symbols, |_, _| ())?;
    if reader.at != message.len() {
        return Err(reader.malformed("goes on after its last symbol"));
    }
    reader.at = body;
    let (cells_out, _) = cells_out.as_chunks_mut();
    read_cells(&mut reader, first, symbols, |symbol, cell| cells_out[symbol] = cell.bytes())?;
    Ok(symbols)
}

fn read_header(message: &[u8], first: usize, room: usize) -> Result<(Reader<'_>, usize), KernelError> {
    let mut reader = Reader { bytes: message, at: 0 };
    if reader.take(1)?[0] != SYMBOLS_VERSION {
        return Err(KernelError::MalformedSymbols { reason: "has an unknown version", at: 0 });
    }
    if reader.take_varint()? as usize != first {
        return Err(reader.malformed("begins with another symbol than was expected"));
    }
    let symbols = reader.take_varint()? as usize;
    if symbols > room {
        return Err(reader.malformed("holds more symbols than there is room for"));
    }
    Ok((reader, symbols))
}

fn read_cells(
    reader: &mut Reader,
    first: usize,
    symbols: usize,
    mut each: impl FnMut(usize, Cell),
) -> Result<(), KernelError> {
    let mut before = 0;
    for symbol in 0..symbols {
        let fixed = reader.take(FIXED_BYTES)?;
        let distance = unzigzag(reader.take_varint()?);
        let count = expected_count(before, first + symbol).wrapping_add(distance);
        let mut bytes = [0; CELL_BYTES];
        bytes[8 - COUNTERS_BYTES..8].copy_from_slice(&fixed[..COUNTERS_BYTES]);
        bytes[8..16].copy_from_slice(&fixed[COUNTERS_BYTES..COUNTERS_BYTES + 8]);
        bytes[16..20].copy_from_slice(&count.to_le_bytes());
        bytes[20..].copy_from_slice(&fixed[COUNTERS_BYTES + 8..]);
        each(symbol, Cell::read(&bytes));
        before = count;
    }
    Ok(())
}

/// The count that symbol `index` is expected to have after one of count `before`.
fn expected_count(before: i32, index: usize) -> i32 {
    let index = index as i64;
    (i64::from(before) * (index + 1) / (index + 2)) as i32
}

fn zigzag(number: i32) -> u32 {
    ((number << 1) ^ (number >> 31)) as u32
}

fn unzigzag(number: u32) -> i32 {
    (number >> 1) as i32 ^ -((number & 1) as i32)
}

struct Writer<'a> {
    bytes: &'a mut [u8],
    end: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    fn put_varint(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.put(&[number as u8 | 0x80]);
            number >>= 7;
        }
        self.put(&[number as u8]);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], KernelError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or(self.malformed("ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    fn take_varint(&mut self) -> Result<u32, KernelError> {
        let mut number = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return match u32::try_from(number) {
                    Ok(number) if shortest => Ok(number),
                    _ => {
                        Err(self
                            .malformed("holds a number that is not in its shortest form or above 2^32 - 1"))
                    }
                };
            }
        }
        Err(self.malformed("holds a number of more than 5 bytes"))
    }

    fn malformed(&self, reason: &'static str) -> KernelError {
        KernelError::MalformedSymbols { reason, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(counts: &[i32]) -> Vec<u8> {
        let mut bytes = vec![0; counts.len() * CELL_BYTES];
        for (i, (&count, out)) in counts.iter().zip(bytes.as_chunks_mut().0).enumerate() {
            let seals = (i as u64) << 32 | u64::from(count as u32);
            *out = Cell { counters: !(i as u64) << 8, tags: u64::MAX, seals }.bytes();
        }
        bytes
    }

    fn message(cells: &[u8], first: usize) -> Vec<u8> {
        let mut out = vec![0; symbols_bytes_max(cells.len() / CELL_BYTES)];
        let length = encode_symbols(cells, first, &mut out).unwrap();
        out.truncate(length);
        out
    }

    const COUNTS: [i32; 6] = [0, i32::MAX, i32::MIN, -1, 1_000_000, 666_667];

    #[test]
    fn what_is_written_is_read() {
        for first in [0, 1, 1000, crate::SKETCH_SYMBOLS_MAX - COUNTS.len()] {
            let cells = cells(&COUNTS);
            let mut out = vec![0; cells.len()];
            assert_eq!(decode_symbols(&message(&cells, first), first, &mut out), Ok(COUNTS.len()));
            assert_eq!(out, cells);
        }
    }

    #[test]
    fn counts_that_fall_as_expected_take_one_byte() {
        let falling: Vec<i32> = (0..100).map(|i| 2_000_000 / (i + 2)).collect();
        let cells = cells(&falling);
        assert!(message(&cells, 0).len() < 3 + 100 * (FIXED_BYTES + 1) + 4);
    }

    #[test]
    fn every_cut_and_every_tail_is_refused_before_anything_is_written() {
        let cells = cells(&COUNTS);
        let whole = message(&cells, 5);
        let mut out = vec![9; cells.len()];
        for cut in 0..whole.len() {
            assert!(decode_symbols(&whole[..cut], 5, &mut out).is_err());
        }
        assert!(decode_symbols(&[&whole[..], &[0]].concat(), 5, &mut out).is_err());
        assert!(decode_symbols(&whole, 4, &mut out).is_err());
        assert!(decode_symbols(&whole, 5, &mut out[CELL_BYTES..]).is_err());
        assert!(out.iter().all(|&byte| byte == 9));
    }

    #[test]
    fn numbers_have_one_form() {
        let mut out = [0; 0];
        assert_eq!(decode_symbols(&[1, 0, 0], 0, &mut out), Ok(0));
        for bad in [
            &[1, 0x80, 0, 0][..],
            &[1, 0, 0x80, 0],
            &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x1f],
            &[1, 0, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[2, 0, 0],
        ] {
            assert!(matches!(decode_symbols(bad, 0, &mut out), Err(KernelError::MalformedSymbols { .. })));
        }
    }
}
