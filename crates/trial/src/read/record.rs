//! The record of a row: its kind and its values.

use omafit_model::{Dose, Observation};

use super::cell::Cell;

/// Interpreted row.
pub(super) struct Record<'a> {
    pub row: u64,
    pub id: &'a str,
    /// Time in days, or in seconds if times are dates.
    pub time: Cell<'a>,
    /// Cell of each covariate that is read; IgE in ng/mL.
    pub covariates: Vec<Cell<'a>>,
    /// Whether the record is a reset, `EVID` 3 or 4, whatever else may be wrong with it.
    pub resets: bool,
    pub kind: Kind,
}

/// Kind of record. If `TIME` is wrong, the times in it have no meaning.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Dose or reset.
    Dose {
        dose: Dose,
        additional: Additional,
        /// Whether the additional doses still to come are cancelled.
        cancels: bool,
        /// Whether the row has a `DV` other than 0 that `MDV` does not leave out.
        has_value: bool,
    },
    /// Observation, not yet placed among the doses.
    Observation {
        observation: Observation,
        /// Whether the observation is censored by the options rather than by the file.
        by_option: bool,
        /// Compartment in `CMT`, if the row has one.
        compartment: Option<f64>,
    },
    /// Observation that `MDV` excludes.
    Excluded,
    /// Other event, `EVID` 2.
    Other,
    /// Record with a mistake, which has been reported.
    Wrong,
}

/// Additional doses that follow a dose without rows of their own.
#[derive(Clone, Copy)]
pub(super) struct Additional {
    pub count: u32,
    pub interval_days: f64,
}

/// Cells that only dosing records use.
#[derive(Clone, Copy)]
pub(super) struct DoseCells<'a> {
    pub amt: Cell<'a>,
    pub cmt: Cell<'a>,
    pub rate: Cell<'a>,
    pub addl: Cell<'a>,
    pub ii: Cell<'a>,
    pub ss: Cell<'a>,
}

/// Cells that only observation records use.
#[derive(Clone, Copy)]
pub(super) struct ObservationCells<'a> {
    pub dv: Cell<'a>,
    pub mdv: Cell<'a>,
    pub cens: Cell<'a>,
    pub limit: Cell<'a>,
    /// Whether the flag of the row marks a value below the limit of quantification; `None` if the flag is wrong.
    pub is_below: Option<bool>,
    /// Limit of quantification that belongs to the flag.
    pub lloq: Cell<'a>,
}
