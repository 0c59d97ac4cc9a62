//! SAS transport files (XPT), versions 5 and 8, according to SAS's record layouts (TS-140, and its extension for
//! version 8).
//!
//! A file consists of records of 80 bytes: a library, members with their variables, and the rows of each member in
//! sequence. Numbers are IBM hexadecimal doubles, texts are padded with blanks.

mod header;
mod number;
mod read;
mod variables;
mod write;

pub(crate) use read::{XportCell, XportFile, is_xport};
pub(crate) use write::{Unwritable, write_xport};

/// Version of a transport file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XportVersion {
    /// Version 5: names of at most 8 bytes, labels of 40, texts of 200; the version that regulators require.
    V5,
    /// Version 8: names of at most 32 bytes, labels of 256, texts of 32,767.
    #[default]
    V8,
}

impl XportVersion {
    /// Maximum length of a name, bytes.
    pub(crate) const fn name_bytes(self) -> usize {
        match self {
            Self::V5 => 8,
            Self::V8 => 32,
        }
    }

    /// Maximum length of a label, bytes.
    pub(crate) const fn label_bytes(self) -> usize {
        match self {
            Self::V5 => 40,
            Self::V8 => 256,
        }
    }

    /// Maximum length of a text, bytes.
    pub(crate) const fn text_bytes(self) -> usize {
        match self {
            Self::V5 => 200,
            Self::V8 => 32_767,
        }
    }

    /// Number of the version.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::V5 => 5,
            Self::V8 => 8,
        }
    }
}

/// Length of a record, bytes.
const RECORD: usize = 80;
/// Length of the description of a variable, bytes; 136 if written on VAX/VMS.
const DESCRIPTION: usize = 140;
/// Maximum length of the label of a member, and of the label in the description of a variable, bytes.
const SHORT_LABEL: usize = 40;

#[cfg(test)]
mod tests;
