//! What is looked at beyond what is read: columns that mean nothing here.

use super::columns::Columns;
use super::constants::Constants;
use super::dates::SECONDS_A_DAY;
use super::findings::Findings;
use super::flags::Flags;
use super::nominal::NominalTimes;
use super::options::ReadOptions;
use super::pairs::Pairs;
use super::raw::{Heading, RawRow};
use super::record::{Cell, Kind, Record};
use super::select::Selection;
use super::unit_columns::UnitColumns;
use crate::trial::Warning;

/// Everything that is gathered for it, in the order of the file.
pub(super) struct Watch {
    flags: Flags,
    pairs: Pairs,
    nominal: Option<NominalTimes>,
    units: Option<UnitColumns>,
    constants: Constants,
    /// Whether times are dates, in seconds.
    has_dates: bool,
}

impl Watch {
    /// What the header of a file lets look for. Columns that the options name as unused are not looked at.
    pub(super) fn new(
        heading: &Heading,
        columns: &Columns<'_>,
        options: &ReadOptions,
        selection: &Selection,
    ) -> Self {
        let header = heading.header.iter().map(|name| {
            let is_unused = options.unused.iter().any(|unused| unused.eq_ignore_ascii_case(name));
            if is_unused { String::new() } else { name.clone() }
        });
        let heading =
            &Heading { comments: Vec::new(), header_row: heading.header_row, header: header.collect() };
        Self {
            flags: Flags::new(heading, columns, selection),
            pairs: Pairs::new(heading, columns),
            nominal: NominalTimes::new(heading, columns, options),
            units: Some(UnitColumns::new(heading, columns, options)).filter(|units| !units.is_empty()),
            constants: Constants::new(heading, columns),
            has_dates: options.dates.is_some(),
        }
    }

    /// Adds the rows that are used.
    pub(super) fn rows(&mut self, rows: &[RawRow]) {
        self.flags.add(rows);
        self.pairs.add(rows);
    }

    /// Begins with a subject.
    pub(super) fn begin(&mut self) {
        self.constants.begin();
        if let Some(nominal) = &mut self.nominal {
            nominal.begin();
        }
    }

    /// Adds a row of the subject.
    pub(super) fn row(&mut self, row: &RawRow, record: &Record<'_>, findings: &mut Findings) {
        self.constants.add(row, record.id, findings);
        if let Some(units) = &mut self.units {
            units.add(row, record);
        }
        if let (Some(nominal), Cell::Number(time, _)) = (&mut self.nominal, record.time) {
            let days = if self.has_dates { time / SECONDS_A_DAY } else { time };
            let is_dose = matches!(record.kind, Kind::Dose { dose, .. } if dose.amount_mg > 0.0);
            nominal.add(row, days, is_dose);
        }
    }

    /// Ends the subject.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(nominal) = &mut self.nominal {
            nominal.end(id);
        }
    }

    /// Adds what is probably wrong; warnings that have words of their own are given back.
    pub(super) fn finish(&mut self, findings: &mut Findings) -> Vec<Warning> {
        let mut warnings = self.flags.warnings();
        warnings.extend(self.pairs.warnings());
        warnings.extend(self.units.iter().flat_map(UnitColumns::warnings));
        if let Some(nominal) = &mut self.nominal {
            nominal.finish(findings);
        }
        warnings
    }
}
