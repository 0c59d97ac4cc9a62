//! The columns that have a meaning, and their names.

use super::layout::OTHER_SEPARATORS;

/// Columns of records that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Id,
    Time,
    Dv,
    Amt,
    Evid,
    Mdv,
    Cmt,
    Dvid,
    Rate,
    Addl,
    Ii,
    Ss,
    Cens,
    Limit,
    /// Flag of an observation below the limit of quantification.
    Blq,
    /// Lower limit of quantification.
    Lloq,
    /// Date that belongs to `TIME`, if the options have dates.
    Date,
}

impl Name {
    pub(super) const ALL: [Self; 17] = [
        Self::Id,
        Self::Time,
        Self::Dv,
        Self::Amt,
        Self::Evid,
        Self::Mdv,
        Self::Cmt,
        Self::Dvid,
        Self::Rate,
        Self::Addl,
        Self::Ii,
        Self::Ss,
        Self::Cens,
        Self::Limit,
        Self::Blq,
        Self::Lloq,
        Self::Date,
    ];

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Time => "TIME",
            Self::Dv => "DV",
            Self::Amt => "AMT",
            Self::Evid => "EVID",
            Self::Mdv => "MDV",
            Self::Cmt => "CMT",
            Self::Dvid => "DVID",
            Self::Rate => "RATE",
            Self::Addl => "ADDL",
            Self::Ii => "II",
            Self::Ss => "SS",
            Self::Cens => "CENS",
            Self::Limit => "LIMIT",
            Self::Blq => "BLQ",
            Self::Lloq => "LLOQ",
            Self::Date => "DATE",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text().eq_ignore_ascii_case(text))
    }
}

/// Whether a covariate's column can have this name: no other column has it, and it reads back unchanged.
pub(crate) fn is_covariate_name(text: &str) -> bool {
    let disturbing = |c: char| c.is_control() || OTHER_SEPARATORS.contains(&c);
    !text.is_empty() && text.trim() == text && !text.contains(disturbing) && Name::parse(text).is_none()
}

/// Role of a column: a column of records, or a covariate by its position among the covariates that are read.
#[derive(Clone, Copy)]
pub(super) enum ColumnRole {
    Record(Name),
    Covariate(usize),
}

impl ColumnRole {
    /// Whether the role is the given column of records.
    pub(super) fn is(self, name: Name) -> bool {
        matches!(self, Self::Record(own) if own == name)
    }
}

impl From<Name> for ColumnRole {
    fn from(name: Name) -> Self {
        Self::Record(name)
    }
}
