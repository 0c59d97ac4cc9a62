//! Table `influence`, with one row per subject: the subject's influence on the population estimates.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{Deletion, PopulationEstimate};

/// Table with one row per subject: change of the population estimates without the subject, of all together and of each
/// parameter, in standard errors and as the new estimate; by one step of Newton's method or by a fit of the other
/// subjects, as `method` tells. Values are missing if there are no estimates without the subject, for the reason in
/// `status`; shifts are missing for parameters without a standard error. Fixed parameters have no columns.
///
/// # Errors
/// Never for deletions of the same subjects and estimates; all columns have the same length.
pub fn influence_table(
    ids: &[String],
    estimates: &[PopulationEstimate],
    deletions: &[Deletion],
) -> Result<Table, TableError> {
    let text = |name: &str, of: &dyn Fn(usize) -> String| {
        Column::new(name, Values::text((0..deletions.len()).map(of)))
    };
    let number = |name: String, of: &dyn Fn(&Deletion) -> f64| {
        Column::new(name, Values::Float(deletions.iter().map(of).collect()))
    };
    let without = |d: &Deletion, k: usize| d.estimates.as_ref().map_or(f64::NAN, |values| values[k]);
    let most = |d: &Deletion| most_moved(estimates, d);
    let mut columns = vec![
        text("ID", &|i| ids[i].clone()),
        text("method", &|i| if deletions[i].is_exact { "exact" } else { "one_step" }.to_owned()),
        text("status", &|i| deletions[i].estimates.as_ref().err().cloned().unwrap_or_else(|| "ok".into())),
        text("not_determined", &|i| not_determined_without(estimates, &deletions[i]).join(", ")),
        number("distance".into(), &|d| d.distance),
        number("covariance_ratio".into(), &|d| d.covariance_ratio),
        text("most_moved", &|i| most(&deletions[i]).map_or(String::new(), |(name, _)| name.to_owned())),
        number("most_moved_se".into(), &|d| most(d).map_or(f64::NAN, |(_, shift)| shift)),
    ];
    for (k, estimate) in estimates.iter().enumerate().filter(|(_, e)| !e.fixed) {
        columns.push(number(format!("SHIFT_{}", estimate.name), &|d| {
            (without(d, k) - estimate.value) / estimate.se[0]
        }));
        columns.push(number(format!("WITHOUT_{}", estimate.name), &|d| without(d, k)));
    }
    Table::new("influence", columns)
}

/// Names of the parameters that the other subjects do not determine, if there are estimates without the subject.
pub fn not_determined_without<'a>(estimates: &'a [PopulationEstimate], deletion: &Deletion) -> Vec<&'a str> {
    let values = deletion.estimates.iter().flatten();
    let missing = estimates.iter().zip(values).filter(|(e, v)| e.se[0].is_finite() && v.is_nan());
    missing.map(|(estimate, _)| estimate.name.as_str()).collect()
}

/// Parameter that moves most without a subject, and its shift in standard errors.
pub fn most_moved<'a>(estimates: &'a [PopulationEstimate], deletion: &Deletion) -> Option<(&'a str, f64)> {
    let values = deletion.estimates.as_ref().ok()?;
    let shifts = estimates.iter().zip(values).map(|(e, without)| (e, (without - e.value) / e.se[0]));
    let known = shifts.filter(|(e, shift)| !e.fixed && shift.is_finite());
    let most = known.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    most.map(|(estimate, shift)| (estimate.name.as_str(), shift))
}
