//! Summary of a run over all subjects.

use crate::goodness::{Goodness, Pool};
use crate::individual_fit::Status;
use crate::quantile::{quantile, quantile_of_sorted};
use crate::reconstruction::Trajectory;
use crate::suppression::FreeIgeFact;
use crate::trial_fit::SubjectResult;
use omafit_model::{Analyte, PerAnalyte, Subject};
use std::collections::BTreeMap;

/// Summary statistics of a run. Sums and medians are over the fitted subjects.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// How many subjects have all parameters determined.
    pub ok: usize,
    /// How many subjects have a parameter that their data do not determine.
    pub not_determined: usize,
    /// How many subjects could not be fitted.
    pub failed: usize,
    /// Sum of the subjects' objective function values.
    pub ofv: f64,
    /// Sum of the subjects' −2 log-likelihoods.
    pub minus2ll: f64,
    /// Sum of the subjects' AIC.
    pub aic: f64,
    /// Goodness of fit of each observed analyte over all subjects.
    pub by_analyte: PerAnalyte<Goodness>,
    /// Goodness of fit of all analytes together.
    pub overall: Goodness,
    /// How many fitted subjects received a dose.
    pub dosed: usize,
    /// How many dosed subjects had free IgE below the target at some time.
    pub reached_target: usize,
    /// How many dosed subjects have a trough, that is, a dose before the last.
    pub with_trough: usize,
    /// How many subjects with a trough have free IgE below the target at the trough.
    pub trough_below: usize,
    /// How many dosed subjects are observed to rise above the target again after the last dose.
    pub returned: usize,
    /// Median days from the first dose until free IgE is below the target, among subjects who reached it.
    pub median_days_to_target: f64,
    /// Median days from the last dose until free IgE is above the target again, among subjects observed to return.
    pub median_days_to_return: f64,
}

/// Accumulator for an [`Overview`], which takes subjects block by block and keeps a few numbers per subject.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    ok: usize,
    not_determined: usize,
    failed: usize,
    ofv: f64,
    minus2ll: f64,
    aic: f64,
    /// Goodness of fit of each observed analyte, and of all together.
    pools: BTreeMap<Analyte, Pool>,
    pool: Pool,
    dosed: usize,
    trough_below: usize,
    troughs: usize,
    days_to_target: Vec<f64>,
    days_to_return: Vec<f64>,
}

impl Tally {
    /// Adds subjects, in their order.
    pub fn add(&mut self, subjects: &[Subject], results: &[SubjectResult], target_ng_ml: f64) {
        for (subject, result) in subjects.iter().zip(results) {
            match result.fit.status {
                Status::Ok => self.ok += 1,
                Status::NotDetermined => self.not_determined += 1,
                Status::Failed => {
                    self.failed += 1;
                    continue;
                }
            }
            self.ofv += result.fit.ofv;
            self.minus2ll += result.fit.minus2ll;
            self.aic += result.aic();
            for (observation, prediction) in subject.observations.iter().zip(&result.fit.ipred) {
                let own = self.pools.entry(observation.analyte).or_default();
                own.add(&result.fit.errors, observation, *prediction);
                self.pool.add(&result.fit.errors, observation, *prediction);
            }
            if let Some(held) = result.suppression.filter(|s| s.dosed) {
                self.dosed += 1;
                self.days_to_target.extend(held.value(FreeIgeFact::DaysToTarget));
                self.days_to_return.extend(held.value(FreeIgeFact::DaysToReturn));
                if let Some(trough) = held.value(FreeIgeFact::Trough) {
                    self.troughs += 1;
                    self.trough_below += usize::from(trough < target_ng_ml);
                }
            }
        }
    }

    /// The number of subjects added so far.
    pub fn subjects(&self) -> usize {
        // Values read from a file may be arbitrary.
        self.ok.saturating_add(self.not_determined).saturating_add(self.failed)
    }

    /// Summarises the subjects added so far.
    pub fn overview(&self) -> Overview {
        Overview {
            ok: self.ok,
            not_determined: self.not_determined,
            failed: self.failed,
            ofv: self.ofv,
            minus2ll: self.minus2ll,
            aic: self.aic,
            by_analyte: self.pools.iter().map(|(analyte, pool)| (*analyte, pool.goodness())).collect(),
            overall: self.pool.goodness(),
            dosed: self.dosed,
            reached_target: self.days_to_target.len(),
            with_trough: self.troughs,
            trough_below: self.trough_below,
            returned: self.days_to_return.len(),
            median_days_to_target: quantile(self.days_to_target.clone(), 0.5),
            median_days_to_return: quantile(self.days_to_return.clone(), 0.5),
        }
    }
}

/// Free IgE of a trial over time: quantiles over the subjects at each time of the grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FreeIgeCourse {
    /// Days since each subject's first record.
    pub time: Vec<f64>,
    /// The 5th, 25th, 50th, 75th and 95th percentile, ng/mL.
    pub percentiles: [Vec<f64>; 5],
}

/// Quantiles of free IgE over the subjects, up to the last time at which at least half of the subjects with a time
/// course are observed.
pub fn free_ige_course<'a>(courses: impl IntoIterator<Item = &'a Trajectory>) -> FreeIgeCourse {
    let seen: Vec<_> = courses.into_iter().filter(|t| !t.time.is_empty()).collect();
    let mut course = FreeIgeCourse::default();
    for k in 0.. {
        let here: Vec<_> = seen.iter().filter(|t| t.time.len() > k).collect();
        if here.is_empty() || 2 * here.len() < seen.len() {
            break;
        }
        course.time.push(here[0].time[k] - here[0].time[0]);
        let mut values: Vec<f64> = here.iter().filter_map(|t| Some(t.free_target()?.value[k])).collect();
        values.sort_by(f64::total_cmp);
        for (percentiles, p) in course.percentiles.iter_mut().zip([0.05, 0.25, 0.5, 0.75, 0.95]) {
            percentiles.push(quantile_of_sorted(&values, p));
        }
    }
    course
}
