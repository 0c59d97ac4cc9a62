//! Summary of a data set: analytes, covariates, doses, follow-up.

use std::collections::{BTreeMap, BTreeSet};

use omafit_model::{Analyte, Censoring, Subject};
use serde::{Deserialize, Serialize};

/// Maximum number of distinct values of a covariate that are listed.
const LEVELS: usize = 8;
/// Maximum numbers of frequent doses and intervals that are listed.
const LISTED: usize = 8;
/// Number of parts of a day to which intervals between doses are distinguished.
const PER_DAY: f64 = 100.0;

/// Minimum, median and maximum of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Number of values.
    pub n: usize,
    /// Minimum of the values.
    pub min: f64,
    /// Median of the values.
    pub median: f64,
    /// Maximum of the values.
    pub max: f64,
}

impl Span {
    /// Span of finite numbers; `None` if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (n, middle) = (values.len(), values.len() / 2);
        let median =
            if n % 2 == 1 { values[middle] } else { 0.5 * values[middle - 1] + 0.5 * values[middle] };
        Some(Self { n, min, median, max })
    }
}

/// Summary of the observations of one analyte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalyteSummary {
    /// Name of the analyte.
    pub analyte: String,
    /// Unit of the values in the file.
    pub unit_read: String,
    /// Unit of the values in this summary.
    pub unit: String,
    /// Number of observations.
    pub n: usize,
    /// Number of subjects with at least one observation.
    pub subjects: usize,
    /// Number of observations below a lower limit of quantification.
    pub below: usize,
    /// Number of observations above an upper limit of quantification.
    pub above: usize,
    /// Span of the quantified values.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub values: Option<Span>,
    /// Span of the observation times, days since the subject's first dose, or since the first record of a subject
    /// without doses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub days: Option<Span>,
}

/// Summary of a covariate over the subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CovariateSummary {
    /// Name of the covariate.
    pub name: String,
    /// Span of the values.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub values: Option<Span>,
    /// Distinct values with the number of subjects of each, if they are few.
    pub levels: Vec<(f64, usize)>,
    /// Number of subjects without the covariate.
    pub missing: usize,
}

/// Summary of the doses of all subjects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DoseSummary {
    /// Number of doses, including additional ones.
    pub n: usize,
    /// Span of the amounts, mg.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amounts_mg: Option<Span>,
    /// Most frequent amounts in mg, with the number of doses of each.
    pub frequent_mg: Vec<(f64, usize)>,
    /// Span of the days between consecutive doses of a subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub intervals_days: Option<Span>,
    /// Most frequent intervals in days, with the number of each.
    pub frequent_days: Vec<(f64, usize)>,
}

/// Summary of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// Number of subjects.
    pub subjects: usize,
    /// Number of subjects without a dose.
    pub undosed: usize,
    /// Number of subjects without an observation.
    pub unobserved: usize,
    /// Span of the days from the first to the last record of each subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record_days: Option<Span>,
    /// Span of the days from the last dose to the last observation of each treated subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub follow_up_days: Option<Span>,
    /// Summary of each analyte that was observed.
    pub analytes: Vec<AnalyteSummary>,
    /// Summary of each covariate that was read.
    pub covariates: Vec<CovariateSummary>,
    /// Summary of the doses.
    pub doses: DoseSummary,
}

/// Observations of one analyte, collected subject by subject.
#[derive(Default)]
struct Observed {
    values: Vec<f64>,
    days: Vec<f64>,
    subjects: usize,
    below: usize,
    above: usize,
}

/// Builder of a [`DataSummary`], subject by subject.
#[derive(Default)]
pub(crate) struct Summarising {
    summary: DataSummary,
    observed: BTreeMap<Analyte, Observed>,
    record_days: Vec<f64>,
    follow_up_days: Vec<f64>,
    covariates: BTreeMap<String, Vec<f64>>,
    amounts: Vec<f64>,
    intervals: Vec<f64>,
}

impl Summarising {
    /// Adds a subject.
    pub(crate) fn add(&mut self, subject: &Subject) {
        let doses: Vec<_> = subject.doses.iter().filter(|d| d.amount_mg > 0.0).collect();
        self.summary.subjects += 1;
        self.summary.undosed += usize::from(doses.is_empty());
        self.summary.unobserved += usize::from(subject.observations.is_empty());
        self.record_days.push(days(subject.start, subject.end()));
        let zero = doses.first().map_or(subject.start, |d| d.time);
        if let (Some(last), Some(seen)) = (doses.last(), subject.observations.last()) {
            self.follow_up_days.push(days(last.time, seen.time));
        }
        for observation in &subject.observations {
            let observed = self.observed.entry(observation.analyte).or_default();
            match observation.censoring {
                Censoring::Quantified => observed.values.push(observation.value),
                Censoring::Below => observed.below += 1,
                Censoring::Above => observed.above += 1,
            }
            observed.days.push(days(zero, observation.time));
        }
        let analytes: BTreeSet<Analyte> = subject.observations.iter().map(|o| o.analyte).collect();
        for analyte in analytes {
            self.observed.entry(analyte).or_default().subjects += 1;
        }
        for (name, value) in subject.covariates.iter() {
            match self.covariates.get_mut(name) {
                Some(values) => values.push(value),
                None => {
                    self.covariates.insert(name.to_owned(), vec![value]);
                }
            }
        }
        self.amounts.extend(doses.iter().map(|d| d.amount_mg));
        self.intervals.extend(doses.windows(2).map(|pair| days(pair[0].time, pair[1].time)));
    }

    /// Completes the summary; `unit_read` gives the unit of each analyte in the file.
    pub(crate) fn finish(self, unit_read: impl Fn(Analyte) -> &'static str) -> DataSummary {
        let Self { mut summary, observed, record_days, follow_up_days, covariates, amounts, intervals } =
            self;
        summary.analytes = observed
            .into_iter()
            .map(|(analyte, o)| AnalyteSummary {
                analyte: analyte.name().to_owned(),
                unit_read: unit_read(analyte).to_owned(),
                unit: analyte.unit().to_owned(),
                n: o.days.len(),
                subjects: o.subjects,
                below: o.below,
                above: o.above,
                values: Span::of(o.values),
                days: Span::of(o.days),
            })
            .collect();
        let subjects = summary.subjects;
        let of = |(name, values): (String, Vec<f64>)| CovariateSummary {
            name,
            levels: Some(frequent(&values, usize::MAX))
                .filter(|all| all.len() <= LEVELS)
                .map_or(Vec::new(), ascending),
            missing: subjects - values.len(),
            values: Span::of(values),
        };
        summary.covariates = covariates.into_iter().map(of).collect();
        let rounded: Vec<f64> = intervals.iter().map(|days| rounded(*days)).collect();
        summary.doses = DoseSummary {
            n: amounts.len(),
            frequent_mg: frequent(&amounts, LISTED),
            frequent_days: frequent(&rounded, LISTED),
            amounts_mg: Span::of(amounts),
            intervals_days: Span::of(intervals),
        };
        (summary.record_days, summary.follow_up_days) = (Span::of(record_days), Span::of(follow_up_days));
        summary
    }
}

/// Days from one time to another, limited to finite numbers, because a run can record only these.
fn days(from: f64, to: f64) -> f64 {
    (to - from).clamp(f64::MIN, f64::MAX)
}

/// Days rounded to the resolution at which intervals are distinguished.
fn rounded(days: f64) -> f64 {
    let rounded = (days * PER_DAY).round() / PER_DAY;
    if rounded.is_finite() { rounded } else { days }
}

/// Distinct values with their frequencies, the most frequent first, and the smaller first among equally frequent ones.
fn frequent(values: &[f64], most: usize) -> Vec<(f64, usize)> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let mut all: Vec<(f64, usize)> =
        values.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.total_cmp(&b.0)));
    all.truncate(most);
    all
}

fn ascending(mut values: Vec<(f64, usize)>) -> Vec<(f64, usize)> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_the_sorted_numbers() {
        assert_eq!(Span::of(Vec::new()), None);
        assert_eq!(Span::of(vec![3.0, 1.0, 2.0]), Some(Span { n: 3, min: 1.0, median: 2.0, max: 3.0 }));
        assert_eq!(Span::of(vec![4.0, 1.0]).map(|span| span.median), Some(2.5));
    }

    #[test]
    fn the_most_frequent_come_first() {
        assert_eq!(frequent(&[150.0, 300.0, 300.0, 75.0, -0.0, 0.0], 3), [(0.0, 2), (300.0, 2), (75.0, 1)]);
        assert_eq!(ascending(vec![(2.0, 1), (1.0, 5)]), [(1.0, 5), (2.0, 1)]);
    }
}
