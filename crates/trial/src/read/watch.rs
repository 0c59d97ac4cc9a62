//! Checks beyond the data that are read: of columns that are not read, and across many subjects.

use omafit_model::Covariates;

use super::alike::Alike;
use super::cell::Cell;
use super::columns::Columns;
use super::constants::{Constants, groups};
use super::dates::SECONDS_A_DAY;
use super::examine::Course;
use super::findings::Findings;
use super::flags::Flags;
use super::limits::Limits;
use super::nominal::NominalTimes;
use super::options::ReadOptions;
use super::outliers::Outliers;
use super::pairs::Pairs;
use super::raw::{Heading, RawRow};
use super::record::{Kind, Record};
use super::scales::Scales;
use super::select::Selection;
use super::unit_columns::UnitColumns;
use crate::trial::Warning;

/// Checks of columns that are not read and across subjects, with the data gathered for them in the order of the file.
pub(super) struct Watch {
    flags: Flags,
    pairs: Pairs,
    nominal: Option<NominalTimes>,
    units: Option<UnitColumns>,
    constants: Constants,
    outliers: Outliers,
    limits: Limits,
    scales: Scales,
    alike: Alike,
    /// Whether times are dates, in seconds.
    has_dates: bool,
    /// Findings that are certain only if the subject is sound.
    findings: Findings,
}

impl Watch {
    /// Prepares the checks that the header of a file allows. Columns that the options name as unused are not examined.
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
        let heading = &Heading { comments: Vec::new(), header: header.collect(), ..heading.clone() };
        Self {
            flags: Flags::new(heading, columns, selection),
            pairs: Pairs::new(heading, columns),
            nominal: NominalTimes::new(heading, columns, options),
            units: Some(UnitColumns::new(heading, columns, options)).filter(|units| !units.is_empty()),
            constants: Constants::new(heading, columns),
            outliers: Outliers::new(heading, columns, options),
            limits: Limits::default(),
            scales: Scales::new(heading, groups(heading)),
            alike: Alike::default(),
            has_dates: options.dates.is_some(),
            findings: Findings::default(),
        }
    }

    /// Adds the rows that are used.
    pub(super) fn rows(&mut self, rows: &[RawRow]) {
        self.flags.add(rows);
        self.pairs.add(rows);
    }

    /// Begins a subject with its first row.
    pub(super) fn begin(&mut self, row: &RawRow) {
        self.constants.begin();
        self.outliers.begin();
        self.scales.begin(row);
        if let Some(nominal) = &mut self.nominal {
            nominal.begin();
        }
    }

    /// Adds a row of the subject.
    pub(super) fn row(&mut self, row: &RawRow, record: &Record<'_>, findings: &mut Findings) {
        self.constants.add(row, record.id, findings);
        self.outliers.add(row);
        if let Some(units) = &mut self.units {
            units.add(row, record);
        }
        if let (Some(nominal), Cell::Number(time, _)) = (&mut self.nominal, record.time) {
            let days = if self.has_dates { time / SECONDS_A_DAY } else { time };
            let is_dose = matches!(record.kind, Kind::Dose { dose, .. } if dose.amount_mg > 0.0);
            nominal.add(row, days, is_dose);
        }
        if let Kind::Observation { observation, by_option: false, .. } = &record.kind {
            self.limits.add(observation, self.constants.study(), record.id);
        }
    }

    /// Ends the subject; `has_ige` tells whether its `IGE` is given in the file.
    pub(super) fn end(&mut self, course: &Course<'_>, covariates: &Covariates, has_ige: bool) {
        self.outliers.end((course.row, course.id), covariates);
        self.scales.end(course, covariates, has_ige);
        self.alike.add(course, &mut self.findings);
        if let Some(nominal) = &mut self.nominal {
            nominal.end(course.id);
        }
    }

    /// Adds the findings; returns warnings and notes that have their own wording.
    pub(super) fn finish(&mut self, findings: &mut Findings) -> (Vec<Warning>, Vec<String>) {
        findings.append(std::mem::take(&mut self.findings));
        let mut warnings = self.flags.warnings();
        warnings.extend(self.pairs.warnings());
        warnings.extend(self.units.iter().flat_map(UnitColumns::warnings));
        warnings.extend(self.scales.finish(findings));
        let (changing, notes) = self.limits.finish(findings);
        warnings.extend(changing);
        self.outliers.finish(findings);
        self.alike.finish(findings);
        if let Some(nominal) = &mut self.nominal {
            nominal.finish(findings);
        }
        (warnings, notes)
    }
}
