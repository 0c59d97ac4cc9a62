//! Header records: their names in the two versions, and how they are recognised.

use super::{RECORD, XportVersion};

/// The kinds of header records that both versions have.
#[derive(Clone, Copy)]
pub(super) enum Header {
    Library,
    Member,
    Descriptor,
    Variables,
    Rows,
}

/// Text before and after the name of a header record.
const BEFORE: &[u8] = b"HEADER RECORD*******";
const AFTER: &[u8] = b"HEADER RECORD!!!!!!!";
/// Length of the name, bytes.
const NAME: usize = 8;
/// Position of the content of a header record, bytes.
const START: usize = BEFORE.len() + NAME + AFTER.len();

/// Names of the header records of labels that do not fit into a description, and of such labels and formats.
pub(super) const LABELS: &str = "LABELV8";
pub(super) const LABELS_AND_FORMATS: &str = "LABELV9";

impl Header {
    pub(super) const fn name(self, version: XportVersion) -> &'static str {
        match (self, version) {
            (Self::Library, XportVersion::V5) => "LIBRARY",
            (Self::Library, XportVersion::V8) => "LIBV8",
            (Self::Member, XportVersion::V5) => "MEMBER",
            (Self::Member, XportVersion::V8) => "MEMBV8",
            (Self::Descriptor, XportVersion::V5) => "DSCRPTR",
            (Self::Descriptor, XportVersion::V8) => "DSCPTV8",
            (Self::Variables, XportVersion::V5) => "NAMESTR",
            (Self::Variables, XportVersion::V8) => "NAMSTV8",
            (Self::Rows, XportVersion::V5) => "OBS",
            (Self::Rows, XportVersion::V8) => "OBSV8",
        }
    }
}

/// Content of a record, if it is the header record with the given name.
pub(super) fn content<'a>(record: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = record.strip_prefix(BEFORE)?;
    let (found, rest) = rest.split_at_checked(NAME)?;
    (trimmed(found) == name.as_bytes()).then(|| rest.strip_prefix(AFTER)).flatten()
}

/// Header record with its content, padded with blanks.
pub(super) fn record(name: &str, content: &str) -> [u8; RECORD] {
    let mut record = [b' '; RECORD];
    record[..BEFORE.len()].copy_from_slice(BEFORE);
    put(&mut record[BEFORE.len()..], name.as_bytes());
    record[BEFORE.len() + NAME..START].copy_from_slice(AFTER);
    put(&mut record[START..], content.as_bytes());
    record
}

/// Copies text to the start of some bytes, as far as it fits.
pub(super) fn put(bytes: &mut [u8], text: &[u8]) {
    bytes.iter_mut().zip(text).for_each(|(byte, given)| *byte = *given);
}

/// Text without the blanks or zeros that pad it.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// Parses a decimal number surrounded by blanks.
pub(super) fn count(bytes: &[u8]) -> Option<usize> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}
