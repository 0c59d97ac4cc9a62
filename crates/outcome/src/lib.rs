//! Dose and outcome: dosing tables, virtual trials.

mod dosing_table;
mod innovate;

pub use dosing_table::{DosingTable, DosingTableError, NotInTable, Regimen};
pub use innovate::{InnovateError, TRIAL, VISITS, VirtualTrial, innovate_like};
