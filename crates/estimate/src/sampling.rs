//! Time courses sampled from a fit's uncertainty.

use crate::individual_fit::IndividualFit;
use crate::options::FitOptions;
use crate::quantile::quantile_of_sorted;
use crate::simulate::SubjectStream;
use omafit_model::{Course, OutputRows, PopulationModel, PredictionError, Subject};

/// Time courses of parameters drawn from the normal distribution of η around a fit; none if a direction of the
/// parameters is not determined, or a draw cannot be solved. `stream` is the seed, the subject's position and the
/// number of draws.
///
/// # Errors
/// If the model does not apply to the subject.
pub(crate) fn draw_courses(
    model: &PopulationModel,
    subject: &Subject,
    (seed, position, draws): (u64, u64, u32),
    options: &FitOptions,
    fit: &IndividualFit,
    course: &Course,
) -> Result<Vec<OutputRows>, PredictionError> {
    let directions = fit.uncertainty.directions();
    if directions.iter().any(|d| !d.sd.is_finite()) {
        return Ok(Vec::new());
    }
    let typical = model.typical(&subject.covariates)?;
    let mut stream = SubjectStream::of_bands(seed, position);
    let mut one = || {
        let mut eta = fit.eta.clone();
        for direction in directions {
            let z = stream.normal() * direction.sd;
            eta.iter_mut().zip(&direction.loadings).for_each(|(eta, l)| *eta += z * l);
        }
        let mut parameters = fit.parameters.clone();
        for (&i, &eta) in options.free.iter().zip(&eta) {
            parameters[i] = model.parameters()[i].individual(typical[i], eta).value;
        }
        parameters
    };
    let sets: Vec<Vec<f64>> = (0..draws).map(|_| one()).collect();
    let drawn = model.predict_each(&sets, &subject.covariates, course)?;
    Ok(drawn.into_iter().collect::<Result<Vec<_>, _>>().unwrap_or_default())
}

/// The quantiles that leave out the fraction `part` at either end; NaN where they are not finite.
pub(crate) fn quantile_band(mut values: Vec<f64>, part: f64) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |p| {
        let found = quantile_of_sorted(&values, p);
        if found.is_finite() { found } else { f64::NAN }
    };
    (at(part), at(1.0 - part))
}
