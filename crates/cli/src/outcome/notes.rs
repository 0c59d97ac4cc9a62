//! Notes on an outcome analysis, and checks for times in different units.

use super::patients::Patients;
use crate::error::{CliError, refuse};
use omafit_outcome::{Aligned, OutcomeAnalysis, OutcomeOptions, OutcomeType, VisitRule, align};
use omafit_trial::{OutcomeTable, TimeUnit, count};

/// Ratios of two durations that suggest hours in place of days: 24, with a tolerance because visits and records
/// do not end on the same day.
const HOURS: std::ops::RangeInclusive<f64> = 16.0..=36.0;

/// Whether `long` may be in hours if `short` is in days.
fn is_in_hours(long: f64, short: f64) -> bool {
    HOURS.contains(&(long / short))
}

/// First and last of the days after the first dose; `None` if there are none.
fn range(days: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let after = days.filter(|day| *day > 0.0);
    after.fold(None, |ends: Option<[f64; 2]>, day| {
        let [low, high] = ends.unwrap_or([day; 2]);
        Some([low.min(day), high.max(day)])
    })
}

/// Days after the first dose of all values.
fn days_of_values(patients: &Patients) -> impl Iterator<Item = f64> {
    patients.all.iter().flat_map(|p| p.outcomes.iter().flatten()).map(|o| o.day)
}

/// Refuses visits that are not on the days of the values, and names the option to correct if one of them seems
/// to be in hours.
pub fn check_visits(patients: &Patients, options: &OutcomeOptions, unit: TimeUnit) -> Result<(), CliError> {
    let alignment = &options.alignment;
    let Some([first, last]) = range(days_of_values(patients)) else { return Ok(()) };
    let of = |(measure, kind): (usize, &OutcomeType)| align(&patients.all, measure, *kind, alignment);
    let aligned: Vec<Aligned> = options.types.iter().enumerate().map(of).collect();
    let inside: usize = aligned.iter().map(Aligned::values_at_visits).sum();
    let outside: usize = aligned.iter().map(|a| a.outside.len()).sum();
    if outside == 0 {
        return Ok(());
    }
    let (option, found, visits) = match &alignment.visits {
        VisitRule::Every(days) => ("visit-every", days.to_string(), [*days; 2]),
        VisitRule::Nominal(days) => {
            let text: Vec<String> = days.iter().map(f64::to_string).collect();
            ("visits", text.join(","), range(days.iter().copied()).unwrap_or([f64::NAN; 2]))
        }
    };
    let values = format!("the values are from day {} to day {}", rounded(first), rounded(last));
    if 2 * inside < outside {
        if is_in_hours(visits[1], last) {
            let mend = match unit {
                TimeUnit::Days => "are these hours?",
                TimeUnit::Hours => "are these hours, or the times of the table days (--time-unit days)?",
            };
            return Err(refuse(option, found, format!("days after the first dose: {values}; {mend}")));
        }
        if is_in_hours(last, visits[1]) && unit == TimeUnit::Days {
            let mend = "if the times of the table are hours, give --time-unit hours";
            return Err(refuse(option, found, format!("near the days of the values: {values}; {mend}")));
        }
    }
    if inside == 0 {
        let expected = format!("near the days of the values: {values}, and none is in the window of a visit");
        return Err(refuse(option, found, expected));
    }
    Ok(())
}

/// Notes for the reader of the analysis.
pub fn notes(
    table: &OutcomeTable,
    patients: &Patients,
    analysis: &OutcomeAnalysis,
    unit: TimeUnit,
) -> Vec<String> {
    let mut notes = table.notes.clone();
    for ((measure, _), found) in table.measures.iter().zip(&analysis.measures) {
        let Aligned { outside, without_baseline, .. } = &found.aligned;
        if !without_baseline.is_empty() {
            notes.push(format!(
                "{} without {measure} before the first dose: no change, left out",
                count(without_baseline.len(), "patient")
            ));
        }
        if let Some([first, last]) = range(outside.iter().map(|o| o.day)) {
            notes.push(format!(
                "{} of {measure} outside the windows of the visits, from day {} to day {}: in no visit",
                count(outside.len(), "value"),
                rounded(first),
                rounded(last)
            ));
        }
    }
    if let Some((id, reason)) = patients.unexposed.first() {
        notes.push(format!(
            "{} without a reconstructed course: means of visits only; the first, {id}: {reason}",
            count(patients.unexposed.len(), "patient")
        ));
    }
    notes.extend(other_unit(patients, unit));
    notes
}

/// A note if the outcomes and the time courses differ in length by about the number of hours in a day.
fn other_unit(patients: &Patients, unit: TimeUnit) -> Option<String> {
    let [_, last] = range(days_of_values(patients))?;
    let [_, end] = range(patients.all.iter().filter_map(|p| p.exposure.as_ref()).map(|e| e.end()))?;
    let (is_other, other) = match unit {
        TimeUnit::Days => (is_in_hours(last, end), "hours"),
        TimeUnit::Hours => (is_in_hours(end, last), "days"),
    };
    is_other.then(|| {
        format!(
            "the outcomes go to day {}, the courses to day {}: if the times of the outcomes are {other}, give --time-unit {other}",
            rounded(last),
            rounded(end)
        )
    })
}

/// A day, rounded to one decimal.
fn rounded(day: f64) -> f64 {
    (10.0 * day).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_outcome::{Alignment, HysteresisOptions, OutcomeBaseline, Patient, Window};

    fn patients(days: &[f64]) -> Patients {
        let values = std::iter::once(0.0).chain(days.iter().copied()).map(|day| (day, 5.0).into());
        let one = Patient {
            id: "1".into(),
            arm: String::new(),
            responder: String::new(),
            last_dose: Some(0.0),
            exposure: None,
            outcomes: vec![values.collect()],
        };
        Patients { all: vec![one], unexposed: Vec::new() }
    }

    fn refused(days: &[f64], visits: VisitRule, unit: TimeUnit) -> Option<String> {
        let alignment =
            Alignment { baseline: OutcomeBaseline::Last, visits, half_width: None, window: Window::Mean };
        let hysteresis =
            HysteresisOptions { target_ng_ml: 50.0, max_lag: 84, replicates: 100, seed: 1, test: false };
        let types = vec![OutcomeType::Continuous];
        let options = OutcomeOptions { types, alignment, onset_days: 112.0, hysteresis, delay: false };
        check_visits(&patients(days), &options, unit).err().map(|e| e.to_string())
    }

    #[test]
    fn hours_are_not_taken_for_days() {
        let (days, hours) = ([28.0, 56.0, 84.0, 168.0, 308.0], [672.0, 1344.0, 2016.0, 4032.0, 7392.0]);
        let nominal = |days: &[f64]| VisitRule::Nominal(days.to_vec());
        let said = refused(&days, nominal(&hours), TimeUnit::Days).unwrap();
        assert!(said.contains("from day 28 to day 308; are these hours?"), "{said}");
        let said = refused(&hours, nominal(&days), TimeUnit::Days).unwrap();
        assert!(said.contains("--time-unit hours"), "{said}");
        let said = refused(&days.map(|d| d / 24.0), nominal(&days), TimeUnit::Hours).unwrap();
        assert!(said.contains("--time-unit days"), "{said}");
        assert_eq!(refused(&days, nominal(&days), TimeUnit::Days), None);
        // Some of the values are at visits and the others long after them, so the unit is not the reason.
        assert_eq!(refused(&[28.0, 56.0, 800.0, 1344.0], nominal(&[28.0, 56.0]), TimeUnit::Days), None);
        let said = refused(&[300.0, 308.0], nominal(&[28.0, 56.0]), TimeUnit::Days).unwrap();
        assert!(said.contains("--visits 28,56") && said.contains("none is in the window"), "{said}");
        assert!(refused(&days, VisitRule::Every(672.0), TimeUnit::Days).is_some());
        assert_eq!(refused(&[], nominal(&[28.0]), TimeUnit::Days), None);
    }
}
