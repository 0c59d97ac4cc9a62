//! Checks for probable mistakes in the records of one subject.

use omafit_model::{Analyte, Censoring, Dose, Observation, StateRule};

use super::checks::Check;
use super::covariate::CovariateColumn;
use super::findings::Findings;
use std::collections::BTreeSet;

/// Days between two records above which a date or a unit is probably wrong.
const LONG_GAP_DAYS: f64 = 1000.0;
/// Factor by which the neighbours of a censored value exceed its limit if it can hardly be below the limit.
const FAR_ABOVE: f64 = 3.0;
/// Proportion of the maximum omalizumab concentration that counts as much before the first dose and long after the
/// last.
const LARGE_PART: f64 = 0.2;
/// Days after the last dose from which omalizumab only falls, and factor by which it may seem to rise.
const FALLING_DAYS: f64 = 60.0;
const RISE: f64 = 3.0;
/// Days after the last dose at which hardly any omalizumab is left: eleven half-lives.
const GONE_DAYS: f64 = 300.0;
/// Days after the last dose beyond which observations are few.
const LATE_DAYS: f64 = 365.0;
/// Number of equal values of an analyte that chance does not explain.
const EQUAL_VALUES: usize = 5;
/// Minimum number of doses of a subject for a usual dose, and of intervals for a usual interval.
const USUAL: usize = 4;
/// Ratio of a dose to the subject's usual dose, or of the usual dose to the dose, that is probably a mistake.
const DOSE_RATIO: f64 = 10.0;
/// Amount from which amounts are written with an exponent, mg.
const MOST_DIGITS: f64 = 1e7;
/// Proportion of the usual interval below which an interval is probably a mistake, and days within which two injections
/// are one dose.
const INTERVAL_PART: f64 = 0.25;
const ONE_DOSE_DAYS: f64 = 0.5;
/// Values of covariates that often stand for a missing value.
pub(super) const MISSING_CODES: [f64; 7] = [-1.0, -9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0];
/// Plausible body weights, kg.
const LIKELY_WEIGHT: std::ops::RangeInclusive<f64> = 2.0..=200.0;

/// Dose with a row of its own.
#[derive(Clone, Copy)]
pub(super) struct DoseRow {
    pub time: f64,
    pub amount_mg: f64,
    pub row: u64,
}

/// Records of a subject in time order.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    pub id: &'a str,
    /// First row of the subject.
    pub row: u64,
    pub observations: &'a [Observation],
    /// Doses and resets, including the additional doses of `ADDL`.
    pub doses: &'a [Dose],
    pub dose_rows: &'a [DoseRow],
    /// Position of the first dose among doses and resets.
    pub first_dose: Option<usize>,
}

/// Adds findings on the records of a subject.
pub(super) fn examine(course: &Course<'_>, findings: &mut Findings) {
    examine_doses(course, findings);
    examine_values(course, findings);
    examine_drug(course, findings);
}

impl<'a> Course<'a> {
    fn of(&self, analyte: Analyte) -> impl Iterator<Item = &'a Observation> + use<'a> {
        self.observations.iter().filter(move |o| o.analyte == analyte)
    }

    /// Last dose before an observation, not counting resets.
    fn dose_before(&self, observation: &Observation) -> Option<&'a Dose> {
        self.doses[..observation.doses_before.min(self.doses.len())].iter().rfind(|dose| dose.amount_mg > 0.0)
    }

    /// Whether an observation comes after a dose of the subject.
    fn is_treated(&self, observation: &Observation) -> bool {
        self.first_dose.is_some_and(|first| observation.doses_before > first)
    }
}

fn examine_doses(course: &Course<'_>, findings: &mut Findings) {
    let Course { id, row, doses, dose_rows, .. } = *course;
    let is_steady = |dose: &&Dose| matches!(dose.before, StateRule::SteadyState { .. });
    if doses.len() > 1 && doses.iter().filter(is_steady).count() == doses.len() {
        findings.add(Check::EveryDoseSteady, row, id);
    }
    if let Some(usual) = middle(dose_rows.iter().map(|dose| dose.amount_mg)) {
        for dose in dose_rows {
            let ratio = dose.amount_mg / usual;
            if ratio >= DOSE_RATIO || ratio <= 1.0 / DOSE_RATIO {
                let seen = || format!("{} mg where {usual} mg are usual", shown(dose.amount_mg));
                findings.add_seen(Check::DoseUnlikeOthers, "", (dose.row, id), seen);
            }
        }
    }
    let intervals = dose_rows.windows(2).map(|two| (two[1].time - two[0].time, two[1].row));
    let intervals: Vec<(f64, u64)> = intervals.filter(|(days, _)| *days > ONE_DOSE_DAYS).collect();
    let Some(usual) = middle(intervals.iter().map(|(days, _)| *days)) else { return };
    for (days, row) in intervals {
        if days < INTERVAL_PART * usual {
            let seen = || format!("{days} days where {usual} are usual");
            findings.add_seen(Check::DosesClose, "", (row, id), seen);
        }
    }
}

/// Text of an amount, with an exponent if it is very large.
fn shown(amount_mg: f64) -> String {
    if amount_mg < MOST_DIGITS { amount_mg.to_string() } else { format!("{amount_mg:e}") }
}

/// Median of some numbers, if there are enough to define a usual one.
fn middle(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    (numbers.len() >= USUAL).then(|| numbers[numbers.len() / 2])
}

fn examine_values(course: &Course<'_>, findings: &mut Findings) {
    let Course { id, row, observations, .. } = *course;
    let analytes: BTreeSet<Analyte> = observations.iter().map(|o| o.analyte).collect();
    for analyte in analytes {
        let mut before: Option<&Observation> = None;
        let (mut equal, mut is_equal) = (0, true);
        for one in course.of(analyte) {
            let is_same_time = before.is_some_and(|b| b.time == one.time);
            if is_same_time && before.is_some_and(|b| b.doses_before == one.doses_before) {
                findings.add(Check::ObservationTwice, one.row, id);
            }
            equal += usize::from(!is_same_time);
            is_equal &= one.censoring == Censoring::Quantified
                && one.value != 0.0
                && before.is_none_or(|b| b.value == one.value);
            before = Some(one);
        }
        if is_equal && equal >= EQUAL_VALUES {
            let value = before.map_or(f64::NAN, |one| one.value);
            let seen = || format!("{} is {value} {} {equal} times", analyte.name(), analyte.unit());
            findings.add_seen(Check::ConstantObservations, "", (row, id), seen);
        }
    }
    for one in observations {
        let is_after = course.dose_before(one).is_some_and(|dose| dose.time < one.time);
        if one.censoring == Censoring::Quantified && one.value == 0.0 && is_after {
            findings.add(Check::ZeroObservation, one.row, id);
        }
    }
    if let Some(last) = observations.last()
        && course.dose_before(last).is_some_and(|dose| last.time - dose.time > LATE_DAYS)
    {
        findings.add(Check::LateObservation, last.row, id);
    }
}

fn examine_drug(course: &Course<'_>, findings: &mut Findings) {
    let Course { id, row, first_dose, .. } = *course;
    let drug: Vec<&Observation> = course.of(Analyte::OMALIZUMAB_TOTAL).collect();
    for three in drug.windows(3) {
        let [a, b, c] = [three[0], three[1], three[2]];
        let is_profile = a.doses_before == c.doses_before && course.is_treated(a);
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
    let quantified: Vec<&Observation> =
        drug.into_iter().filter(|o| o.censoring == Censoring::Quantified).collect();
    let largest = quantified.iter().map(|o| o.value).fold(0.0, f64::max);
    let is_much = |o: &&&Observation| o.value > LARGE_PART * largest;
    if let Some(early) = quantified.iter().filter(is_much).find(|o| o.doses_before <= first) {
        findings.add(Check::DrugBeforeDose, early.row, id);
    }
    let since = |o: &Observation| course.dose_before(o).map_or(f64::NAN, |dose| o.time - dose.time);
    let seen = |o: &Observation| {
        let (value, unit) = (o.value, o.analyte.unit());
        format!("{value} {unit} {} days after the dose", since(o))
    };
    // A long gap is reported by its own check.
    let is_gone = |o: &&&Observation| since(o) > GONE_DAYS && since(o) <= LONG_GAP_DAYS;
    if let Some(late) = quantified.iter().filter(is_much).find(is_gone) {
        findings.add_seen(Check::DrugLongAfterDose, "", (late.row, id), || seen(late));
        return;
    }
    let rises = |two: &&[&Observation]| {
        let [a, b] = [two[0], two[1]];
        a.doses_before == b.doses_before && since(a) > FALLING_DAYS && b.value > RISE * a.value
    };
    let late = quantified.windows(2).filter(rises).map(|two| two[1]);
    if let Some(late) = late.into_iter().find(|o| is_much(&o)) {
        findings.add_seen(Check::DrugRisesWithoutDose, "", (late.row, id), || seen(late));
    }
}

/// Adds findings on a covariate that is read.
pub(super) fn examine_covariate(
    column: &CovariateColumn,
    value: f64,
    (row, id): (u64, &str),
    findings: &mut Findings,
) {
    if column.is_weight() && !LIKELY_WEIGHT.contains(&value) {
        findings.add(Check::UnlikelyWeight, row, id);
    } else if !column.is_positive() && MISSING_CODES.contains(&value) {
        findings.add_to(Check::MissingCode, &column.name, row, id);
    }
}

/// Whether two consecutive records, at times in days, are suspiciously far apart.
pub(super) fn is_long_gap(from: f64, to: f64) -> bool {
    to - from > LONG_GAP_DAYS
}
