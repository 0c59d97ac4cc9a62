//! What a run says of its subjects together.

use crate::goodness::{Goodness, pooled_goodness};
use crate::individual::Status;
use crate::suppression::FreeIgeFact;
use crate::trial_fit::SubjectResult;
use omafit_model::{Analyte, Subject};

/// A run in numbers. Sums and medians are over the subjects that were fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Subjects whose fit is complete.
    pub ok: usize,
    /// Subjects whose data leave a parameter open.
    pub not_determined: usize,
    /// Subjects that could not be fitted.
    pub failed: usize,
    /// Sum of the subjects' objectives.
    pub ofv: f64,
    /// Sum of the subjects' −2 log-likelihoods.
    pub minus2ll: f64,
    /// Sum of the subjects' AIC.
    pub aic: f64,
    /// Goodness of fit of each analyte over all subjects, in the order of their `DVID`.
    pub by_analyte: [Goodness; 3],
    /// Goodness of fit of everything.
    pub overall: Goodness,
    /// Subjects with a dose that were fitted.
    pub dosed: usize,
    /// Of these, those whose free IgE was ever below the target.
    pub reached_target: usize,
    /// Of these, those with a trough: an earlier dose than the last.
    pub with_trough: usize,
    /// Of those with a trough, those below the target then.
    pub trough_below: usize,
    /// Of the dosed, those seen to rise above the target again after their last dose.
    pub returned: usize,
    /// Median days from the first dose until free IgE was below the target, of those that reached it.
    pub median_days_to_target: f64,
    /// Median days from the last dose until free IgE was above the target again, of those seen to return.
    pub median_days_to_return: f64,
}

/// Sums a run up.
pub fn overview(subjects: &[Subject], results: &[SubjectResult], target_ng_ml: f64) -> Overview {
    let count = |status| results.iter().filter(|r| r.fit.status == status).count();
    let fitted = || results.iter().filter(|r| r.fit.status != Status::Failed);
    let pooled = |analyte| {
        let fitted = subjects.iter().zip(results).filter(|(_, r)| r.fit.status != Status::Failed);
        pooled_goodness(fitted.map(|(s, r)| (&r.fit.errors, s, &r.fit.ipred[..])), analyte)
    };
    let held: Vec<_> = results.iter().filter_map(|r| r.suppression).filter(|s| s.dosed).collect();
    let known = |fact| -> Vec<f64> { held.iter().filter_map(|s| s.value(fact)).collect() };
    let reached = known(FreeIgeFact::DaysToTarget);
    let troughs = known(FreeIgeFact::Trough);
    let returned = known(FreeIgeFact::DaysToReturn);
    Overview {
        ok: count(Status::Ok),
        not_determined: count(Status::NotDetermined),
        failed: count(Status::Failed),
        ofv: fitted().map(|r| r.fit.ofv).sum(),
        minus2ll: fitted().map(|r| r.fit.minus2ll).sum(),
        aic: fitted().map(SubjectResult::aic).sum(),
        by_analyte: Analyte::ALL.map(|a| pooled(Some(a))),
        overall: pooled(None),
        dosed: held.len(),
        reached_target: reached.len(),
        with_trough: troughs.len(),
        trough_below: troughs.iter().filter(|t| **t < target_ng_ml).count(),
        returned: returned.len(),
        median_days_to_target: quantile(reached, 0.5),
        median_days_to_return: quantile(returned, 0.5),
    }
}

/// Free IgE of a trial through time: quantiles over the subjects at each time of the grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FreeIgeCourse {
    /// Days since each subject's first record.
    pub time: Vec<f64>,
    /// The 5th, 25th, 50th, 75th and 95th percentile, ng/mL.
    pub percentiles: [Vec<f64>; 5],
}

/// Quantiles of free IgE over the subjects, as far as at least half of them are seen.
pub fn free_ige_course(results: &[SubjectResult]) -> FreeIgeCourse {
    let seen: Vec<_> = results.iter().map(|r| &r.trajectory).filter(|t| !t.time.is_empty()).collect();
    let mut course = FreeIgeCourse::default();
    let free = Analyte::IgeFree.index();
    for k in 0.. {
        let here: Vec<_> = seen.iter().filter(|t| t.time.len() > k).collect();
        if here.is_empty() || 2 * here.len() < seen.len() {
            break;
        }
        course.time.push(here[0].time[k] - here[0].time[0]);
        let mut values: Vec<f64> = here.iter().map(|t| t.value[free][k]).collect();
        values.sort_by(f64::total_cmp);
        for (percentiles, p) in course.percentiles.iter_mut().zip([0.05, 0.25, 0.5, 0.75, 0.95]) {
            percentiles.push(quantile_of_sorted(&values, p));
        }
    }
    course
}

/// The quantile at `p` by linear interpolation between order statistics (R's type 7); NaN of nothing.
pub(crate) fn quantile(mut values: Vec<f64>, p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile_of_sorted(&values, p)
}

/// The same of ascending values.
pub(crate) fn quantile_of_sorted(values: &[f64], p: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let position = p * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let part = position - below as f64;
    // Without a part of the next one its being infinite does not matter.
    if part == 0.0 { values[below] } else { values[below] + part * (values[above] - values[below]) }
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_rs_type_seven() {
        // R: quantile(c(3, 1, 4, 1, 5), c(0, .25, .5, .9, 1)).
        let q = |p| quantile(vec![3.0, 1.0, 4.0, 1.0, 5.0], p);
        assert_eq!([q(0.0), q(0.25), q(0.5), q(1.0)], [1.0, 1.0, 3.0, 5.0]);
        assert!((q(0.9) - 4.6).abs() < 1e-12);
        assert!(quantile(vec![], 0.5).is_nan());
    }
}
