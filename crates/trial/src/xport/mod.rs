//! SAS transport files (XPT), versions 5 and 8, after SAS's record layouts (TS-140 and its extension for version 8).
//!
//! A file is records of 80 bytes: a library, members with their variables, and each member's rows, one after the other.
//! Numbers are IBM hexadecimal doubles, texts are padded with blanks.

mod header;
mod number;
mod read;
mod variables;
mod write;

pub(crate) use read::{XportCell, XportFile, is_xport};
pub(crate) use write::{Unwritable, write_xport};

/// The version of a transport file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XportVersion {
    /// Names of at most 8 bytes, labels of 40, texts of 200: what regulators ask for.
    V5,
    /// Names of at most 32 bytes, labels of 256, texts of 32,767.
    #[default]
    V8,
}

impl XportVersion {
    /// Bytes of a name.
    pub(crate) const fn name_bytes(self) -> usize {
        match self {
            Self::V5 => 8,
            Self::V8 => 32,
        }
    }

    /// Bytes of a label.
    pub(crate) const fn label_bytes(self) -> usize {
        match self {
            Self::V5 => 40,
            Self::V8 => 256,
        }
    }

    /// Bytes of a text.
    pub(crate) const fn text_bytes(self) -> usize {
        match self {
            Self::V5 => 200,
            Self::V8 => 32_767,
        }
    }

    /// The number that names it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::V5 => 5,
            Self::V8 => 8,
        }
    }
}

/// Bytes of a record.
const RECORD: usize = 80;
/// Bytes of the description of a variable; 136 where VAX/VMS wrote it.
const DESCRIPTION: usize = 140;
/// Bytes of the label of a member, and of one of a variable that stands in its description.
const SHORT_LABEL: usize = 40;

#[cfg(test)]
mod tests;
