//! How a data set is converted.

use crate::read::{DecimalMark, Separator};
use crate::xport::XportVersion;

/// How a data set is converted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertOptions {
    /// What stands between the cells of a text that is read; text is written with commas.
    pub separator: Separator,
    /// What stands before the decimals in a text that is read; text is written with points.
    pub decimal: DecimalMark,
    /// Columns of a text that are numbers however they are written: their values are kept, the way they were written is not.
    pub numeric: Vec<String>,
    /// The version of a transport file.
    pub xport: XportVersion,
    /// Whether a file that is there is replaced.
    pub force: bool,
}
