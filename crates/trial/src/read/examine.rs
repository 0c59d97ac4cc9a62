//! Probable mistakes in the records of one subject.

use omafit_model::{Analyte, Censoring, Observation};

use super::findings::{Check, Findings};

/// Days between two records that are probably a slip of a date or a unit.
const LONG_GAP_DAYS: f64 = 1000.0;
/// How far above a limit neighbours are of a value that can hardly be below it.
const FAR_ABOVE: f64 = 3.0;
/// Omalizumab before the first dose that is too much, as a part of the maximum.
const LARGE_BEFORE_DOSE: f64 = 0.2;

/// Adds what is probably wrong with a subject's observations, in time order; `first_dose` is the number of records given
/// before the first dose, if there is one.
pub(super) fn examine(
    id: &str,
    row: u64,
    observations: &[Observation],
    first_dose: Option<usize>,
    findings: &mut Findings,
) {
    let of_one = |analyte: Analyte| observations.iter().filter(move |o| o.analyte == analyte);
    for analyte in Analyte::ALL {
        let mut before: Option<&Observation> = None;
        for one in of_one(analyte) {
            if before.is_some_and(|b| b.time == one.time && b.doses_before == one.doses_before) {
                findings.add(Check::ObservationTwice, one.row, id);
            }
            before = Some(one);
        }
    }
    let drug: Vec<&Observation> = of_one(Analyte::OmalizumabTotal).collect();
    for three in drug.windows(3) {
        let [a, b, c] = [three[0], three[1], three[2]];
        let is_profile =
            a.doses_before == c.doses_before && first_dose.is_some_and(|first| a.doses_before > first);
        let sides = [a.censoring, c.censoring] == [Censoring::Quantified; 2];
        let is_high = a.value.min(c.value) > FAR_ABOVE * b.value;
        if is_profile && sides && is_high && b.censoring == Censoring::Below {
            findings.add(Check::BelowWithinProfile, b.row, id);
        }
    }
    let Some(first) = first_dose else { return };
    if drug.is_empty() {
        findings.add(Check::NoConcentrations, row, id);
    }
    let quantified = |o: &&&Observation| o.censoring == Censoring::Quantified;
    let largest = drug.iter().filter(quantified).map(|o| o.value).fold(0.0, f64::max);
    let is_late = |o: &&&Observation| o.doses_before <= first && o.value > LARGE_BEFORE_DOSE * largest;
    if let Some(early) = drug.iter().filter(quantified).find(is_late) {
        findings.add(Check::DrugBeforeDose, early.row, id);
    }
}

/// Whether two consecutive records are suspiciously far apart, days.
pub(super) fn is_long_gap(from: f64, to: f64) -> bool {
    to - from > LONG_GAP_DAYS
}
