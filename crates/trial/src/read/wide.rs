//! Wide layouts: a row is a sample with a column for each analyte, and is read as a row for each observation.

use omafit_model::Analyte;
use serde::{Deserialize, Serialize};

use super::names::Name;

/// Columns of one analyte in a wide layout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideColumns {
    /// Name of the column of the values.
    pub value: String,
    /// Name of the column that flags values below the limit of quantification: 1 or Y, or 0 or N.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<String>,
    /// Name of the column of the limit of quantification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lloq: Option<String>,
}

/// Positions of the columns of a wide layout.
#[derive(Clone, Debug)]
pub(crate) struct Wide {
    pub(super) sources: Vec<Source>,
    /// Number of columns in the file; added columns follow them.
    pub(super) width: usize,
    /// Whether `EVID` is added, because the file has none.
    pub(super) adds_event: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) analyte: Analyte,
    pub(super) value: usize,
    pub(super) below: Option<usize>,
    pub(super) lloq: Option<usize>,
}

/// Columns that are added, in order; the last one only if the file has none.
const ADDED: [Name; 5] = [Name::Dv, Name::Dvid, Name::Blq, Name::Lloq, Name::Evid];

impl Source {
    fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        [Some(self.value), self.below, self.lloq].into_iter().flatten()
    }
}

impl Wide {
    /// Names and positions of the columns that are added.
    pub(super) fn added(&self) -> impl Iterator<Item = (Name, usize)> + use<> {
        ADDED.into_iter().take(if self.adds_event { 5 } else { 4 }).zip(self.width..)
    }

    /// Number of columns in the file.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Whether the layout reads a column of the file.
    pub(super) fn reads(&self, index: usize) -> bool {
        self.sources.iter().any(|source| source.columns().any(|own| own == index))
    }
}
