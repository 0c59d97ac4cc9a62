//! Check of the footer of a Parquet file: Thrift in its compact protocol, with the types that the format gives its
//! fields.
//!
//! The library allocates memory for as many elements as a list claims to have, before it reads them: a corrupt number
//! would abort the process, which cannot be caught. Lists are therefore checked first. The types of the fields are
//! checked too, because the library identifies fields by their numbers, and would take other bytes for a list.

/// Number of bytes after the footer: its length, and the magic number of the format.
const END: usize = 8;
/// Maximum depth of nested structures; the format has only a few levels.
const DEPTH: u8 = 16;

/// Type of a field.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Byte,
    I16,
    I32,
    I64,
    Binary,
    List(&'static Kind),
    Struct(&'static [(i64, Kind)]),
}

use Kind::{Binary, Bool, Byte, I16, I32, I64, List, Struct};

const EMPTY: Kind = Struct(&[]);
const UNIT: Kind = Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]);
const TIME: Kind = Struct(&[(1, Bool), (2, UNIT)]);
const LOGICAL: Kind = Struct(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Struct(&[(1, I32), (2, I32)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Struct(&[(1, Byte), (2, Bool)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
]);
const ELEMENT: Kind = Struct(&[
    (1, I32),
    (2, I32),
    (3, I32),
    (4, Binary),
    (5, I32),
    (6, I32),
    (7, I32),
    (8, I32),
    (9, I32),
    (10, LOGICAL),
]);
const STATISTICS: Kind =
    Struct(&[(1, Binary), (2, Binary), (3, I64), (4, I64), (5, Binary), (6, Binary), (7, Bool), (8, Bool)]);
const KEY_VALUE: Kind = Struct(&[(1, Binary), (2, Binary)]);
const COLUMN: Kind = Struct(&[
    (1, I32),
    (2, List(&I32)),
    (3, List(&Binary)),
    (4, I32),
    (5, I64),
    (6, I64),
    (7, I64),
    (8, List(&KEY_VALUE)),
    (9, I64),
    (10, I64),
    (11, I64),
    (12, STATISTICS),
    (13, List(&EMPTY)),
    (14, I64),
    (15, I32),
    (16, EMPTY),
]);
const CHUNK: Kind = Struct(&[
    (1, Binary),
    (2, I64),
    (3, COLUMN),
    (4, I64),
    (5, I32),
    (6, I64),
    (7, I32),
    (8, EMPTY),
    (9, Binary),
]);
const SORTING: Kind = Struct(&[(1, I32), (2, Bool), (3, Bool)]);
const GROUP: Kind =
    Struct(&[(1, List(&CHUNK)), (2, I64), (3, I64), (4, List(&SORTING)), (5, I64), (6, I64), (7, I16)]);
const FILE: Kind = Struct(&[
    (1, I32),
    (2, List(&ELEMENT)),
    (3, I64),
    (4, List(&GROUP)),
    (5, List(&KEY_VALUE)),
    (6, Binary),
    (7, List(&Struct(&[(1, EMPTY)]))),
    (8, EMPTY),
    (9, Binary),
]);

impl Kind {
    /// Whether the type is encoded by this number; a boolean has two.
    fn is(self, number: u8) -> bool {
        match self {
            Bool => matches!(number, 1 | 2),
            Byte => number == 3,
            I16 => number == 4,
            I32 => number == 5,
            I64 => number == 6,
            Binary => number == 8,
            List(_) => number == 9,
            Struct(_) => number == 12,
        }
    }
}

/// Whether the footer of a file can be decoded in memory proportional to its bytes.
pub(super) fn footer_is_sound(file: &[u8]) -> bool {
    let footer = || {
        let (rest, end) = file.split_at_checked(file.len().checked_sub(END)?)?;
        let length = u32::from_le_bytes(end.get(..4)?.try_into().ok()?) as usize;
        rest.get(rest.len().checked_sub(length)?..)
    };
    footer().is_some_and(|bytes| Reader { bytes }.value(12, Some(FILE), DEPTH).is_some())
}

/// Reader of Thrift, which returns `None` where the data are corrupt.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.bytes = self.bytes.get(length..)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Reads past a value; a boolean in a field has no bytes, and is not read.
    fn value(&mut self, number: u8, kind: Option<Kind>, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match number {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.length()?;
                self.skip(length)
            }
            9 | 10 => self.list(kind, depth),
            12 => self.fields(kind, depth),
            // The format has no maps.
            _ => None,
        }
    }

    fn list(&mut self, kind: Option<Kind>, depth: u8) -> Option<()> {
        let first = self.byte()?;
        let (length, number) = (usize::from(first >> 4), first & 0xF);
        let length = if length == 15 { self.length()? } else { length };
        // Each element takes at least one byte.
        if length > self.bytes.len() {
            return None;
        }
        let of = match kind {
            Some(List(of)) => Some(*of),
            _ => None,
        };
        if length > 0 && of.is_some_and(|of| !of.is(number)) {
            return None;
        }
        (0..length).try_for_each(|_| self.value(number, of, depth))
    }

    fn fields(&mut self, kind: Option<Kind>, depth: u8) -> Option<()> {
        let known: &[(i64, Kind)] = match kind {
            Some(Struct(fields)) => fields,
            _ => &[],
        };
        let mut id = 0;
        loop {
            let first = self.byte()?;
            let number = first & 0xF;
            if number == 0 {
                return Some(());
            }
            id = match first >> 4 {
                0 => {
                    let zigzag = self.number()?;
                    (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
                }
                step => id + i64::from(step),
            };
            // The library holds field numbers in 16 bits.
            id = i64::from(i16::try_from(id).ok()?);
            let kind = known.iter().find(|(known, _)| *known == id).map(|(_, kind)| *kind);
            if kind.is_some_and(|kind| !kind.is(number)) {
                return None;
            }
            if !matches!(number, 1 | 2) {
                self.value(number, kind, depth)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(footer: &[u8]) -> Vec<u8> {
        [b"PAR1", footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
    }

    #[test]
    fn a_list_has_no_more_elements_than_there_are_bytes() {
        // Version 1, and a schema of no elements.
        assert!(footer_is_sound(&file(&[0x15, 2, 0x19, 0x0C, 0])));
        // A schema of two hundred million elements, and a schema of one element that is missing.
        assert!(!footer_is_sound(&file(&[0x15, 2, 0x19, 0xFC, 0x80, 0x84, 0xAF, 0x5F, 0])));
        assert!(!footer_is_sound(&file(&[0x15, 2, 0x19, 0x1C, 0])));
        // A schema that is a number.
        assert!(!footer_is_sound(&file(&[0x15, 2, 0x16, 2, 0])));
        for length in 0..12 {
            assert!(!footer_is_sound(&file(&[0x15, 2, 0x19, 0x0C, 0])[..length]));
        }
    }

    #[test]
    fn what_is_deep_is_refused() {
        let nested = [vec![0xBC; 1000], vec![0; 1001]].concat();
        assert!(!footer_is_sound(&file(&nested)));
    }
}
