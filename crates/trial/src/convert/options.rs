//! Options for converting a data set.

use crate::read::{DecimalMark, Separator};
use crate::xport::XportVersion;

/// Options for converting a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertOptions {
    /// Delimiter of a text file that is read; text files are written with commas.
    pub separator: Separator,
    /// Decimal mark of a text file that is read; text files are written with decimal points.
    pub decimal: DecimalMark,
    /// Text columns to convert to numbers however they are written: their values are kept, their notation is not.
    pub numeric: Vec<String>,
    /// Version of the SAS transport format, if the new file is a transport file.
    pub xport: XportVersion,
    /// Whether an existing file is replaced.
    pub force: bool,
}
