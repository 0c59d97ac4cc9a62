//! Influence of each subject on the population estimates.

use crate::options::InfluenceName;
use crate::progress_bar::progress_bar;
use crate::seconds::Seconds;
use omafit_estimate::{
    Deletion, PopulationEstimate, PopulationFit, PopulationOptions, exact_influence, influence,
};
use omafit_model::Subject;
use omafit_trial::{Table, TableError, influence_table, most_moved, not_determined_without};
use std::time::Instant;

/// Shift of an estimate, in standard errors, above which the deletion of a subject is reported.
const MOVED: f64 = 1.0;
/// Largest number of influential subjects that are reported.
const TOLD: usize = 5;
/// Largest number of subjects without whom the population is estimated again, because a single step gives no
/// estimate.
const MOST_EXACT: usize = 10;

/// Population estimates without each of the subjects.
pub struct Influence {
    ids: Vec<String>,
    deletions: Vec<Deletion>,
}

impl Influence {
    /// Deletion of each subject, by one Newton step unless another method is given; `None` if influence is not
    /// requested, or if the estimates have no covariance.
    pub fn of(
        fit: &PopulationFit,
        subjects: &[Subject],
        how: Option<InfluenceName>,
        options: PopulationOptions,
        quiet: bool,
        seconds: &mut Seconds,
    ) -> Option<Self> {
        let started = Instant::now();
        let deletions = match how.unwrap_or(InfluenceName::OneStep) {
            InfluenceName::None => return None,
            InfluenceName::OneStep => influence(fit, subjects, options, MOST_EXACT),
            InfluenceName::Exact => {
                let progress = progress_bar("population without one of", subjects.len() as u64, quiet);
                let deletions = exact_influence(fit, subjects, options, &|| progress.inc(1));
                progress.finish_and_clear();
                deletions
            }
        };
        seconds.add("influence", started.elapsed().as_secs_f64());
        // The reason for a missing covariance is reported with the estimates.
        let ids = subjects.iter().map(|subject| subject.id.clone()).collect();
        Some(Self { ids, deletions: deletions.ok()? })
    }

    /// The table `influence`.
    pub fn table(&self, estimates: &[PopulationEstimate]) -> Result<Table, TableError> {
        influence_table(&self.ids, estimates, &self.deletions)
    }

    /// Warnings about subjects on whom an estimate depends strongly, the most influential first.
    pub fn warnings(&self, estimates: &[PopulationEstimate]) -> Vec<String> {
        let moved = |(id, deletion)| most_moved(estimates, deletion).map(|(name, shift)| (id, name, shift));
        let mut moved: Vec<(&String, &str, f64)> =
            self.ids.iter().zip(&self.deletions).filter_map(moved).filter(|m| m.2.abs() > MOVED).collect();
        moved.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
        let more = moved.len().saturating_sub(TOLD);
        let tell = |(id, name, shift): &(&String, &str, f64)| {
            format!(
                "influence: without subject {id} the estimate of {name} moves by {shift:.1} standard errors"
            )
        };
        let mut told: Vec<String> = moved.iter().take(TOLD).map(tell).collect();
        if more > 0 {
            told.push(format!(
                "influence: … and {more} subjects more move an estimate by more than its standard error"
            ));
        }
        for (id, deletion) in self.ids.iter().zip(&self.deletions) {
            let names = not_determined_without(estimates, deletion);
            if !names.is_empty() {
                told.push(format!(
                    "influence: without subject {id} the others do not determine {}: it is the only one to say anything of that",
                    names.join(", ")
                ));
            }
        }
        let left = self.deletions.iter().filter(|deletion| deletion.estimates.is_err()).count();
        if left > 0 {
            told.push(format!(
                "influence: of {left} subjects unknown: without them the estimates are not determined, or one step of Newton's \
                 method is no estimate; `status` in influence.csv says which"
            ));
        }
        told
    }
}
