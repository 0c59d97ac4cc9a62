//! One subject's part of the objective of first-order conditional estimation (FOCE, with interaction), and its exact
//! gradient.
//!
//! With ℓ the −2 log-likelihood of an observation of prediction f, w its information on f, f' and f'' the derivatives of
//! f to the subject's parameters v = u + η (u the transformed typical values), and P = Ω⁻¹:
//!
//! ```text
//! G(η) = Σ ℓ(f) + ηᵀPη + ln|Ω|              η̂ where it is least
//! H    = Σ w·f'f'ᵀ + P                       over the η
//! F    = G(η̂) + ln|H|
//! ```
//!
//! The gradient is that of F with η̂ moving along. With T = d ln|H|/dη and a = (∂²G/∂η²)⁻¹T,
//!
//! ```text
//! dF/dv = Σ ℓ'·f' + d ln|H|/dv − aᵀ·∂²Σℓ/∂η∂v
//! dF/ds = Σ ∂ℓ/∂s + Σ ∂w/∂s·f'ᵀH⁻¹f' − aᵀ·Σ ∂ℓ'/∂s·f'
//! dF/dΩ = P − Pη(Pη)ᵀ − PH⁻¹P + Pa(Pη)ᵀ + Pη(Pa)ᵀ
//! ```
//!
//! For a log-normal error FOCE with and without interaction are the same, as the variance does not depend on η.

use super::observation::{Parts, parts};
use super::space::{Coordinate, Space, lower};
use crate::individual::descend;
use crate::least_squares::StopReason;
use crate::prior::Prior;
use crate::problem::{Accuracy, At, SubjectError, SubjectProblem};
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{Course, PopulationModel, Subject};

/// A predicted decrease that is the minimum over η.
const SMALL_DECREASE: f64 = 1e-13;
const MOST_ITERATIONS: u64 = 100;

/// A subject's part of the objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditional {
    /// η̂, of the parameters that vary.
    pub eta: Vec<f64>,
    /// F.
    pub ofv: f64,
}

/// Why a subject has no part in the objective.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionalError {
    /// Its model cannot be solved.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Its η has no minimum.
    #[error("its η has no minimum: {0}")]
    NoMinimum(StopReason),
    /// A matrix is not positive definite.
    #[error("{0} is not positive definite")]
    NotPositive(&'static str),
}

/// A subject's part of the objective, with η̂ found from `start`.
///
/// # Errors
/// When the model cannot be solved, or η has no minimum.
pub fn conditional(
    model: &PopulationModel,
    prior: &Prior,
    subject: &Subject,
    start: &[f64],
) -> Result<Conditional, ConditionalError> {
    let problem = SubjectProblem::new(model, subject, model.variable(), Some(prior))?;
    let minimum = descend(At(&problem, Accuracy::Full), start.to_vec(), SMALL_DECREASE, MOST_ITERATIONS);
    let Some(at) = minimum.at else { return Err(ConditionalError::NoMinimum(minimum.stop)) };
    let log_determinant: f64 =
        at.jacobian.clone().qr().unpack_r().diagonal().map(|d| 2.0 * d.abs().ln()).sum();
    let ofv = at.objective + problem.constants() + prior.log_determinant() + log_determinant;
    if !ofv.is_finite() {
        return Err(ConditionalError::NoMinimum(minimum.stop));
    }
    Ok(Conditional { eta: minimum.eta, ofv })
}

/// The gradient of a subject's part over a population's vector, at its η̂.
///
/// # Errors
/// When the second derivatives cannot be computed, or the curvature at η̂ is not that of a minimum.
pub(super) fn gradient(
    model: &PopulationModel,
    space: &Space,
    subject: &Subject,
    eta: &[f64],
) -> Result<Vec<f64>, ConditionalError> {
    let solved = Solved::new(model, subject, eta)?;
    let n = eta.len();
    let omega = DMatrix::from_row_slice(n, n, model.omega());
    let precision = Cholesky::new(omega).ok_or(ConditionalError::NotPositive("Ω"))?.inverse();
    let etas: Vec<usize> = model.variable().iter().map(|i| solved.position(*i)).collect();
    // H and its inverse.
    let mut information = precision.clone();
    for o in &solved.observations {
        let slope = o.over(&etas);
        information.ger(o.parts.information, &slope, &slope, 1.0);
    }
    let inverse = Cholesky::new(information).ok_or(ConditionalError::NotPositive("H"))?.inverse();
    // Σℓ: first and second derivatives over v; d ln|H|/dv.
    let wide = solved.inputs.len();
    let mut slope = DVector::zeros(wide);
    let mut bend = DMatrix::zeros(wide, wide);
    let mut determinant = DVector::zeros(wide);
    for o in &solved.observations {
        slope.axpy(o.parts.by_f, &o.slope, 1.0);
        bend.ger(o.parts.by_f_twice, &o.slope, &o.slope, 1.0);
        bend += &o.bend * o.parts.by_f;
        let along = &inverse * o.over(&etas);
        let square = along.dot(&o.over(&etas));
        determinant.axpy(o.parts.information_by_f * square, &o.slope, 1.0);
        for m in 0..wide {
            let turn: f64 = etas.iter().zip(along.iter()).map(|(&k, c)| c * o.bend[(k, m)]).sum();
            determinant[m] += 2.0 * o.parts.information * turn;
        }
    }
    let by_eta = DVector::from_iterator(n, etas.iter().map(|&k| determinant[k]));
    let curvature = DMatrix::from_fn(n, n, |i, j| bend[(etas[i], etas[j])]) + &precision * 2.0;
    let a =
        Cholesky::new(curvature).ok_or(ConditionalError::NotPositive("the curvature at η̂"))?.solve(&by_eta);
    let by_v = DVector::from_fn(wide, |m, _| {
        let moved: f64 = etas.iter().zip(a.iter()).map(|(&k, a)| a * bend[(k, m)]).sum();
        slope[m] + determinant[m] - moved
    });
    let p_eta = &precision * DVector::from_column_slice(eta);
    let p_a = &precision * &a;
    let crossed = &p_a * p_eta.transpose();
    let by_omega = &precision - &p_eta * p_eta.transpose() - &precision * &inverse * &precision
        + &crossed
        + crossed.transpose();
    let factor = lower(&model.values());
    let by_factor = by_omega * &factor * 2.0;
    let of = |coordinate: &Coordinate| match *coordinate {
        Coordinate::Cholesky { row, column } => {
            let by_element = by_factor[(row, column)];
            if row == column { by_element * factor[(row, row)] } else { by_element }
        }
        Coordinate::Sigma { analyte, part } => {
            let mut sum = 0.0;
            for o in solved.observations.iter().filter(|o| o.analyte == analyte) {
                let over = o.over(&etas);
                let square = over.dot(&(&inverse * &over));
                sum += o.parts.by_s[part] + o.parts.information_by_s[part] * square
                    - a.dot(&over) * o.parts.by_f_s[part];
            }
            sum
        }
        Coordinate::Typical { .. } | Coordinate::Coefficient { .. } => {
            let shift = space.shift(model, subject, &solved.typical, *coordinate);
            shift.map_or(0.0, |(parameter, by)| by * by_v[solved.position(parameter)])
        }
    };
    Ok(space.coordinates().iter().map(of).collect())
}

/// An observation with the derivatives of its prediction over v.
struct Differentiated {
    analyte: omafit_model::Analyte,
    parts: Parts,
    slope: DVector<f64>,
    bend: DMatrix<f64>,
}

impl Differentiated {
    /// The first derivatives over the η.
    fn over(&self, etas: &[usize]) -> DVector<f64> {
        DVector::from_iterator(etas.len(), etas.iter().map(|&k| self.slope[k]))
    }
}

/// A subject's model solved at η̂.
struct Solved {
    typical: Vec<f64>,
    /// Positions of the parameters that make up v.
    inputs: Vec<usize>,
    observations: Vec<Differentiated>,
}

impl Solved {
    fn new(model: &PopulationModel, subject: &Subject, eta: &[f64]) -> Result<Self, ConditionalError> {
        let typical = model.typical(&subject.covariates).map_err(SubjectError::from)?;
        let estimated = |i: &usize| {
            let parameter = &model.parameters()[*i];
            model.variable().contains(i) || !parameter.fixed || parameter.effects.iter().any(|e| !e.fixed)
        };
        let inputs: Vec<usize> = (0..typical.len()).filter(estimated).collect();
        let individual: Vec<_> = (0..typical.len())
            .map(|i| {
                let eta = model.variable().iter().position(|v| *v == i).map_or(0.0, |k| eta[k]);
                model.parameters()[i].individual(typical[i], eta)
            })
            .collect();
        let parameters: Vec<f64> = individual.iter().map(|p| p.value).collect();
        let (course, positions) = Course::of_observations(subject).map_err(SubjectError::from)?;
        let start = model.start(&subject.covariates).map_err(SubjectError::from)?;
        let (mut values, mut slopes, mut curvatures) = (Vec::new(), Vec::new(), Vec::new());
        model
            .structure()
            .curvatures(&parameters, start, &course, &inputs, &mut values, &mut slopes, &mut curvatures)
            .map_err(SubjectError::from)?;
        let (all, wide) = (typical.len() + 1, inputs.len());
        let pairs = wide * (wide + 1) / 2;
        let mut observations = Vec::with_capacity(subject.observations.len());
        for (observation, &at) in subject.observations.iter().zip(&positions) {
            let c = observation.analyte.index();
            let Some(residual) = model.residual(observation.analyte) else { continue };
            let by_log = |i: usize| slopes[at * all + inputs[i]][c];
            let by_v = |i: usize| individual[inputs[i]].log_slope;
            let slope = DVector::from_fn(wide, |i, _| by_log(i) * by_v(i));
            let mut bend = DMatrix::zeros(wide, wide);
            for i in 0..wide {
                for j in 0..=i {
                    let twice = curvatures[at * pairs + i * (i + 1) / 2 + j][c] * by_v(i) * by_v(j);
                    bend[(i, j)] = twice;
                    bend[(j, i)] = twice;
                }
                bend[(i, i)] += by_log(i) * individual[inputs[i]].log_bend;
            }
            let predicted = values[at].to_array()[c];
            let parts = parts(observation, residual.error, predicted);
            observations.push(Differentiated { analyte: observation.analyte, parts, slope, bend });
        }
        Ok(Self { typical, inputs, observations })
    }

    fn position(&self, parameter: usize) -> usize {
        self.inputs.iter().position(|i| *i == parameter).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Noise, SubjectStream, draw_parameters, measure};
    use omafit_model::{
        Analyte, Censoring, Covariates, Dose, EffectEntry, Observation, ResidualEntry, Transform, published,
    };

    /// Hayashi's model with a block, a logit, every kind of effect and of residual error, and limits.
    fn model() -> PopulationModel {
        let base = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let mut file = base.file().clone();
        let covariate = || "AGE".to_string();
        let effects = [
            (
                "ka",
                EffectEntry::Exponential { covariate: covariate(), centre: 40.0, slope: -0.01, fixed: false },
            ),
            ("Vc", EffectEntry::Linear { covariate: covariate(), centre: 40.0, slope: 0.005, fixed: false }),
        ];
        for (name, effect) in effects {
            file.parameters.get_mut(name).unwrap().effects.push(effect);
        }
        let vx = file.parameters.get_mut("Vx").unwrap();
        (vx.transform, vx.bounds) = (Transform::Logit, Some([1.0, 30.0]));
        let entry = |log_sd, additive_sd, proportional_sd| ResidualEntry {
            log_sd,
            additive_sd,
            proportional_sd,
            ..ResidualEntry::default()
        };
        file.residual.insert(Analyte::OmalizumabTotal, entry(None, Some(1.0), Some(0.1)));
        let limited = ResidualEntry { uloq: Some(60.0), ..entry(Some(0.2), None, None) };
        file.residual.insert(Analyte::IgeFree, limited);
        PopulationModel::new(file).unwrap()
    }

    fn subject(model: &PopulationModel, seed: u64) -> Subject {
        let doses: Vec<Dose> = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
        let plan = [0.0, 3.0, 10.0, 27.0, 60.0, 111.0, 140.0, 180.0].into_iter();
        let observations = plan.flat_map(|time| Analyte::ALL.map(|analyte| (time, analyte)));
        let observations = observations.map(|(time, analyte)| Observation {
            time,
            analyte,
            value: f64::NAN,
            censoring: Censoring::Quantified,
            doses_before: doses.partition_point(|d| d.time < time),
            row: 0,
        });
        let covariates = Covariates::new(80.0, 450.0).with("AGE", 30.0 + seed as f64 * 7.0);
        let (id, observations) = (seed.to_string(), observations.collect());
        let mut subject = Subject { id, covariates, start: 0.0, doses, observations };
        let mut stream = SubjectStream::new(seed, 0);
        let parameters = draw_parameters(model, &subject.covariates, Noise::ALL, &mut stream).unwrap();
        measure(model, &mut subject, &parameters, Noise::ALL, &mut stream).unwrap();
        // What cannot be observed of a combined error before the first dose.
        subject.observations.retain(|o| o.value > 0.0);
        subject
    }

    #[test]
    fn the_gradient_is_that_of_differences_of_the_converged_objective() {
        let truth = model();
        let space = Space::new(&truth).unwrap();
        let mut censored = 0;
        for seed in 1..=3 {
            let subject = subject(&truth, seed);
            censored += subject.observations.iter().filter(|o| o.censoring == Censoring::Above).count();
            // Away from the truth, where nothing cancels.
            let x: Vec<f64> = space.vector(&truth.values()).iter().map(|x| x + 0.1).collect();
            let value = |x: &[f64], start: &[f64]| {
                let model = space.model(&truth, x).unwrap();
                let prior = Prior::new((0..model.variable().len()).collect(), model.omega()).unwrap();
                conditional(&model, &prior, &subject, start).unwrap()
            };
            let centre = value(&x, &[0.0; 7]);
            let found = gradient(&space.model(&truth, &x).unwrap(), &space, &subject, &centre.eta).unwrap();
            for (k, name) in space.names(&truth).iter().enumerate() {
                // Between the error of the formula and the accuracy of the objective, wherever that is for each.
                let gaps = [4e-3, 1e-2, 4e-2].map(|h| {
                    let moved = |steps: f64| {
                        let mut x = x.clone();
                        x[k] += steps * h;
                        value(&x, &centre.eta).ofv
                    };
                    let difference =
                        (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * h);
                    (found[k] - difference).abs() / (1.0 + difference.abs())
                });
                assert!(gaps.iter().any(|gap| *gap < 1e-5), "{name}: {} {gaps:?}", found[k]);
            }
        }
        assert!(censored > 3, "{censored}");
    }
}
