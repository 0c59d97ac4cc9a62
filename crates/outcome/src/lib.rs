//! Dose and outcome: dosing tables, virtual trials.

mod dosing_table;
mod innovate;
mod virtual_trial;

pub use dosing_table::{DosingTable, DosingTableError, NotInTable, Regimen};
pub use innovate::{FOLLOW_UP_DAYS, IGE, PATIENTS, TREATMENT_DAYS, VISITS, WEIGHT, innovate};
pub use virtual_trial::{Baseline, CutLogNormal, Design, Dosing, VirtualTrialError, like, patient};
