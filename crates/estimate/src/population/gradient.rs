//! Derivatives of a subject's contribution to the FOCE objective with respect to the population parameters: the exact
//! gradient, including the dependence of û on the parameters.
//!
//! In the notation of [`super::conditional`], with f'' the second derivatives of f with respect to v, s the logarithms
//! of the residual standard deviations, C = LH⁻¹Lᵀ, T = d ln|H|/dv, a_u = (∂²G/∂u²)⁻¹LᵀT and a = L·a_u:
//!
//! ```text
//! dF/dv = Σ ℓ'·f' + T − aᵀ·∂²Σℓ/∂η∂v
//! dF/ds = Σ ∂ℓ/∂s + Σ ∂w/∂s·f'ᵀCf' − aᵀ·Σ ∂ℓ'/∂s·f'
//! dF/dL = dF/dη·uᵀ + 2·MLH⁻¹ − Σ ℓ'·f'·a_uᵀ
//! ```
//!
//! The information is that of the model linearised at η̂, with normal observations of covariance V = JΩJᵀ + W⁻¹:
//! 2·J'ᵀV⁻¹J' for v, tr(V⁻¹·∂V·V⁻¹·∂V) for Ω and s.

use super::change::SubjectGradient;
use super::conditional::{ConditionalError, FactoredModel, subject_problem};
use super::space::{EstimatedParameter, ParameterVector, covariance_by_factor};
use crate::likelihood::{LikelihoodTerm, likelihood_term};
use crate::problem::{Accuracy, SubjectError, SubjectProblem, values_of};
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use omafit_model::{
    Analyte, Censoring, Course, CourseError, IndividualValue, OutputWeights, RequestQueue, SecondOrder,
    Sensitivities, SolveRequest, Subject,
};
use rayon::prelude::*;
use std::borrow::Cow;

/// A subject with its û.
pub(super) type AtMode<'a> = (&'a Subject, &'a [f64]);

/// Smallest and largest number of subjects whose models are solved together: fewer leave lanes of a batch empty, more
/// gain nothing.
const FEWEST: usize = 8;
const MOST: usize = 32;

/// The size of the groups in which so many subjects are solved together: as even as possible, and enough groups for all
/// threads. Results do not depend on it.
pub(super) fn group_size(subjects: usize) -> usize {
    let threads = rayon::current_num_threads();
    let groups = subjects.div_ceil(MOST).next_multiple_of(threads);
    subjects.div_ceil(groups.max(1)).max(FEWEST)
}

/// The derivatives of each subject's contribution with respect to the population parameters, at its û; an error if the
/// second derivatives cannot be computed, or the Hessian at û is not positive definite.
pub(super) fn changes(
    population: &FactoredModel,
    space: &ParameterVector,
    subjects: &[AtMode<'_>],
    rtol: f64,
) -> Vec<Result<SubjectGradient, ConditionalError>> {
    each(population, subjects, rtol, |at, subject, u| at.change(population, space, subject, u))
}

/// The gradients alone of [`changes`].
pub(super) fn gradients(
    population: &FactoredModel,
    space: &ParameterVector,
    subjects: &[AtMode<'_>],
    rtol: f64,
) -> Vec<Result<Vec<f64>, ConditionalError>> {
    each(population, subjects, rtol, |at, subject, u| {
        Ok(at.total(population, u)?.gradient(&at, population, space, subject, u))
    })
}

/// Applies `find` to each subject, with the models of subjects solved together in groups.
fn each<T: Send>(
    population: &FactoredModel,
    subjects: &[AtMode<'_>],
    rtol: f64,
    find: impl Fn(AtEta<'_, '_>, &Subject, &[f64]) -> Result<T, ConditionalError> + Sync,
) -> Vec<Result<T, ConditionalError>> {
    let some = |some: &[AtMode<'_>]| each_of(population, some, rtol, &find);
    subjects.par_chunks(group_size(subjects.len())).with_max_len(1).flat_map_iter(some).collect()
}

fn each_of<T>(
    population: &FactoredModel,
    subjects: &[AtMode<'_>],
    rtol: f64,
    find: &impl Fn(AtEta<'_, '_>, &Subject, &[f64]) -> Result<T, ConditionalError>,
) -> Vec<Result<T, ConditionalError>> {
    let prepared: Vec<Result<_, ConditionalError>> =
        subjects.iter().map(|at| prepared(population, *at, rtol)).collect();
    let mut queue = SubjectQueue { population, all: Vec::new(), next: 0 };
    for prepared in &prepared {
        queue.all.push(match prepared {
            Ok((problem, course, eta)) => Ok(AtEta::new(population, problem, course, eta)),
            Err(error) => Err(error.clone()),
        });
    }
    population.model.structure().differentiate_all(&mut queue);
    let one =
        |(at, (subject, u)): (Result<AtEta<'_, '_>, ConditionalError>, &AtMode<'_>)| find(at?, subject, u);
    queue.all.into_iter().zip(subjects).map(one).collect()
}

/// A subject's least-squares problem, its time course at a relative tolerance of `rtol`, and η̂.
fn prepared<'a>(
    population: &'a FactoredModel,
    (subject, u): AtMode<'a>,
    rtol: f64,
) -> Result<(SubjectProblem<'a>, Course, Vec<f64>), ConditionalError> {
    let problem = subject_problem(&population.model, subject, None)?;
    let course = problem.course(Accuracy::Full).clone().with_rtol(rtol);
    Ok((problem, course, population.eta(u)))
}

/// Queue of subjects to be solved at their η̂.
struct SubjectQueue<'p, 'a> {
    population: &'p FactoredModel,
    all: Vec<Result<AtEta<'p, 'a>, ConditionalError>>,
    next: usize,
}

impl<'p> RequestQueue<'p, SecondOrder> for SubjectQueue<'p, '_> {
    fn concurrency(&self) -> usize {
        self.all.len()
    }
    fn next(&mut self) -> Option<SolveRequest<'p>> {
        loop {
            let key = self.next;
            self.next += 1;
            if let Ok(at) = self.all.get(key)? {
                let parameters = Cow::Owned(values_of(&at.individual));
                let (start, course) = (at.problem.start(), at.course);
                return Some(SolveRequest {
                    key,
                    parameters,
                    start,
                    course,
                    over: Cow::Owned(at.inputs.clone()),
                });
            }
        }
    }
    fn output_weights(&mut self, key: usize, at: &Sensitivities, weights: &mut OutputWeights) {
        if let Ok(own) = &mut self.all[key]
            && let Err(error) = own.output_weights(self.population, at, weights)
        {
            self.all[key] = Err(error);
        }
    }
    fn on_solution(&mut self, key: usize, found: Result<&SecondOrder, CourseError>) {
        let Ok(own) = &mut self.all[key] else { return };
        match found {
            Ok(found) => own.on_solution(found),
            Err(error) => self.all[key] = Err(SubjectError::from(error).into()),
        }
    }
}

/// A subject's model at η̂, with the matrices that the gradient needs.
struct AtEta<'p, 'a> {
    problem: &'p SubjectProblem<'a>,
    course: &'p Course,
    individual: Vec<IndividualValue>,
    /// Positions of the parameters that make up v, and positions of the η among them.
    inputs: Vec<usize>,
    etas: Vec<usize>,
    observations: Vec<Observed>,
    /// Factors ML and H⁻¹ of MLH⁻¹, then C and H.
    seen: DMatrix<f64>,
    inverse: DMatrix<f64>,
    covariance: DMatrix<f64>,
    whitened: DMatrix<f64>,
    /// Sum Σ ℓ'·f'', and the part of T due to f''.
    bend: DMatrix<f64>,
    turn: DVector<f64>,
}

impl<'p, 'a> AtEta<'p, 'a> {
    fn new(
        population: &FactoredModel,
        problem: &'p SubjectProblem<'a>,
        course: &'p Course,
        eta: &[f64],
    ) -> Self {
        let model = &population.model;
        let estimated = |i: &usize| {
            let parameter = &model.parameters()[*i];
            model.variable().contains(i) || !parameter.fixed || parameter.effects.iter().any(|e| !e.fixed)
        };
        let inputs: Vec<usize> = (0..problem.typical().len()).filter(estimated).collect();
        let position = |i: &usize| inputs.iter().position(|input| input == i);
        let etas = model.variable().iter().filter_map(position).collect();
        let (none, wide) = (DMatrix::zeros(0, 0), inputs.len());
        Self {
            individual: problem.individual(eta),
            problem,
            course,
            inputs,
            etas,
            observations: Vec::new(),
            seen: none.clone(),
            inverse: none.clone(),
            covariance: none.clone(),
            whitened: none,
            bend: DMatrix::zeros(wide, wide),
            turn: DVector::zeros(wide),
        }
    }

    fn position(&self, parameter: usize) -> usize {
        self.inputs.iter().position(|i| *i == parameter).unwrap_or(0)
    }

    /// Sets the weights of the second derivatives of predictions in the gradient of the objective.
    fn output_weights(
        &mut self,
        population: &FactoredModel,
        Sensitivities { values, slopes }: &Sensitivities,
        weights: &mut OutputWeights,
    ) -> Result<(), ConditionalError> {
        let all = self.individual.len() + 1;
        for ((at, c), o, law) in self.problem.observed() {
            let Some(term) = likelihood_term(o, law, values[at][c]) else { continue };
            if term.is_certain() {
                continue;
            }
            let by_log = DVector::from_iterator(
                self.inputs.len(),
                self.inputs.iter().map(|&i| slopes[at * all + i][c]),
            );
            let slope = by_log.zip_map(&self.log_slopes(), |by, log_slope| by * log_slope);
            let over = DVector::from_iterator(self.etas.len(), self.etas.iter().map(|&k| slope[k]));
            let is_quantified = o.censoring == Censoring::Quantified;
            let analyte = o.analyte;
            self.observations.push(Observed {
                at: (at, c),
                analyte,
                is_quantified,
                term,
                slope,
                by_log,
                over,
            });
        }
        let n = self.etas.len();
        let mut information = DMatrix::zeros(n, n);
        for o in &self.observations {
            information.ger(o.term.information, &o.over, &o.over, 1.0);
        }
        let factor = &population.factor;
        self.seen = &information * factor;
        self.whitened = DMatrix::identity(n, n) + factor.tr_mul(&self.seen);
        let inverse = Cholesky::new(self.whitened.clone()).ok_or(ConditionalError::NotPositive("H"))?;
        self.inverse = inverse.inverse();
        self.covariance = factor * &self.inverse * factor.transpose();
        let outputs = self.problem.structure().outputs().len();
        weights.values.grow(values.len(), outputs);
        weights.slopes.grow(slopes.len(), outputs);
        for o in &self.observations {
            let (at, c) = o.at;
            weights.values[at][c] += 2.0 * o.term.slope;
            for (&k, along) in self.etas.iter().zip((&self.covariance * &o.over).iter()) {
                let parameter = self.inputs[k];
                let log_slope = self.individual[parameter].log_slope;
                weights.slopes[at * all + parameter][c] += 2.0 * o.term.information * along * log_slope;
            }
        }
        Ok(())
    }

    /// The derivatives d ln(parameter)/dv of the parameters that make up v.
    fn log_slopes(&self) -> DVector<f64> {
        DVector::from_iterator(self.inputs.len(), self.inputs.iter().map(|&i| self.individual[i].log_slope))
    }

    /// Converts second derivatives with respect to the logarithms of the parameters to second derivatives with respect
    /// to v.
    fn on_solution(&mut self, found: &SecondOrder) {
        let all = self.individual.len() + 1;
        let log_slopes = self.log_slopes();
        for (row, &i) in self.inputs.iter().enumerate() {
            for (column, &j) in self.inputs.iter().enumerate() {
                self.bend[(row, column)] = found.hessian[i * all + j] * log_slopes[row] * log_slopes[column];
            }
            // A subject without observations has no weighted derivatives.
            self.turn[row] = found.slope_gradient.get(i).map_or(0.0, |by| by * log_slopes[row]);
            let log_bend = self.individual[i].log_bend;
            if log_bend == 0.0 {
                continue;
            }
            let eta = self.etas.iter().position(|k| *k == row);
            for o in &self.observations {
                let by = log_bend * o.by_log[row];
                self.bend[(row, row)] += 2.0 * o.term.slope * by;
                if let Some(eta) = eta {
                    let along = self.covariance.row(eta).transpose().dot(&o.over);
                    self.turn[row] += 2.0 * o.term.information * along * by;
                }
            }
        }
    }

    /// The derivatives of the complete contribution.
    fn total(&self, population: &FactoredModel, u: &[f64]) -> Result<Total, ConditionalError> {
        let factor = &population.factor;
        let (n, wide, etas) = (u.len(), self.inputs.len(), &self.etas);
        let mut slope = DVector::zeros(wide);
        let (mut bend, mut determinant) = (self.bend.clone(), self.turn.clone());
        for o in &self.observations {
            slope.axpy(2.0 * o.term.slope, &o.slope, 1.0);
            bend.ger(2.0 * o.term.bend, &o.slope, &o.slope, 1.0);
            let square = o.over.dot(&(&self.covariance * &o.over));
            determinant.axpy(o.term.information_by_f * square, &o.slope, 1.0);
        }
        let by_eta = DVector::from_iterator(n, etas.iter().map(|&k| determinant[k]));
        let bend_of_eta = DMatrix::from_fn(n, n, |i, j| bend[(etas[i], etas[j])]);
        let curvature = factor.tr_mul(&(bend_of_eta * factor)) + DMatrix::identity(n, n) * 2.0;
        let missing = &curvature * 0.5 - &self.whitened;
        let curvature =
            Cholesky::new(curvature).ok_or(ConditionalError::NotPositive("the curvature at η̂"))?;
        let a_u = curvature.solve(&factor.tr_mul(&by_eta));
        let a = factor * &a_u;
        let by_v = DVector::from_fn(wide, |m, _| {
            let moved: f64 = etas.iter().zip(a.iter()).map(|(&k, a)| a * bend[(k, m)]).sum();
            slope[m] + determinant[m] - moved
        });
        Ok(Total { slope, bend, curvature, missing, a_u, a, by_v })
    }

    /// The observations of an analyte.
    fn of(&self, analyte: Analyte) -> impl Iterator<Item = &Observed> {
        self.observations.iter().filter(move |o| o.analyte == analyte)
    }

    /// The derivatives of the subject's contribution with respect to the parameter vector.
    fn change(
        self,
        population: &FactoredModel,
        space: &ParameterVector,
        subject: &Subject,
        u: &[f64],
    ) -> Result<SubjectGradient, ConditionalError> {
        let FactoredModel { model, factor } = population;
        let total = self.total(population, u)?;
        let gradient = total.gradient(&self, population, space, subject, u);
        let Total { slope, bend, curvature, missing, .. } = &total;
        let (n, etas) = (u.len(), &self.etas);
        let scale = |row: usize, column: usize| if row == column { factor[(row, row)] } else { 1.0 };
        let shift = |c: &EstimatedParameter| space.shift(model, subject, self.problem.typical(), *c);
        // −∂²G/∂u with respect to each estimated parameter, from which the Hessian gives dû.
        let push = |c: &EstimatedParameter| match *c {
            EstimatedParameter::Cholesky { row, column } => {
                let mut sum = factor.tr_mul(&DVector::from_iterator(
                    n,
                    etas.iter().map(|&k| -u[column] * bend[(k, etas[row])]),
                ));
                sum[column] -= slope[etas[row]];
                sum * scale(row, column)
            }
            EstimatedParameter::Sigma { analyte, part } => {
                let mut sum = DVector::zeros(n);
                self.of(analyte).for_each(|o| sum.axpy(-2.0 * o.term.slope_by_s[part], &o.over, 1.0));
                factor.tr_mul(&sum)
            }
            EstimatedParameter::Typical { .. } | EstimatedParameter::Coefficient { .. } => {
                let Some((parameter, by)) = shift(c) else { return DVector::zeros(n) };
                let at = self.position(parameter);
                factor.tr_mul(&DVector::from_iterator(n, etas.iter().map(|&k| -by * bend[(k, at)])))
            }
        };
        let omega_by = |row: usize, column: usize| covariance_by_factor(factor, row, column);
        let coordinates = space.coordinates();
        let response = |c| curvature.solve(&push(c)).as_slice().to_vec();
        Ok(SubjectGradient {
            gradient,
            response: coordinates.iter().map(response).collect(),
            missing: missing.as_slice().to_vec(),
            information: expected(&self, coordinates, &shift, &omega_by).as_slice().to_vec(),
        })
    }
}

/// Derivatives of a subject's contribution at û.
struct Total {
    /// Gradient Σ ℓ'·f' and Hessian of Σℓ, with respect to v.
    slope: DVector<f64>,
    bend: DMatrix<f64>,
    /// Hessian ∂²G/∂u², and half of it minus H.
    curvature: Cholesky<f64, Dyn>,
    missing: DMatrix<f64>,
    a_u: DVector<f64>,
    a: DVector<f64>,
    /// Derivative dF/dv.
    by_v: DVector<f64>,
}

impl Total {
    /// The gradient of F with respect to the parameter vector.
    fn gradient(
        &self,
        at: &AtEta<'_, '_>,
        FactoredModel { model, factor }: &FactoredModel,
        space: &ParameterVector,
        subject: &Subject,
        u: &[f64],
    ) -> Vec<f64> {
        let (n, etas) = (u.len(), &at.etas);
        let by_factor = DMatrix::from_fn(n, n, |row, column| self.by_v[etas[row]] * u[column])
            + &at.seen * &at.inverse * 2.0
            - DMatrix::from_fn(n, n, |row, column| self.slope[etas[row]] * self.a_u[column]);
        let one = |c: &EstimatedParameter| match *c {
            EstimatedParameter::Cholesky { row, column } => {
                let scale = if row == column { factor[(row, row)] } else { 1.0 };
                scale * by_factor[(row, column)]
            }
            EstimatedParameter::Sigma { analyte, part } => at
                .of(analyte)
                .map(|o| {
                    let square = o.over.dot(&(&at.covariance * &o.over));
                    2.0 * o.term.by_s[part] + o.term.information_by_s[part] * square
                        - 2.0 * self.a.dot(&o.over) * o.term.slope_by_s[part]
                })
                .sum(),
            EstimatedParameter::Typical { .. } | EstimatedParameter::Coefficient { .. } => space
                .shift(model, subject, at.problem.typical(), *c)
                .map_or(0.0, |(parameter, by)| by * self.by_v[at.position(parameter)]),
        };
        space.coordinates().iter().map(one).collect()
    }
}

/// The expected Hessian of the linearised model's −2 log-likelihood with respect to the parameter vector.
fn expected(
    solved: &AtEta<'_, '_>,
    coordinates: &[EstimatedParameter],
    shift: &dyn Fn(&EstimatedParameter) -> Option<(usize, f64)>,
    omega_by: &dyn Fn(usize, usize) -> DMatrix<f64>,
) -> DMatrix<f64> {
    let covariance = &solved.covariance;
    let (rows, n, wide) = (solved.observations.len(), covariance.nrows(), solved.inputs.len());
    // Rows on the scale of their errors, √W·J and √W·J'; √W⁻¹·V⁻¹·√W⁻¹ = I − √W·JCJᵀ·√W.
    let roots: Vec<f64> = solved.observations.iter().map(|o| o.term.information.sqrt()).collect();
    let jacobian = DMatrix::from_fn(rows, n, |row, k| roots[row] * solved.observations[row].over[k]);
    let all = DMatrix::from_fn(rows, wide, |row, k| roots[row] * solved.observations[row].slope[k]);
    let precise = DMatrix::identity(rows, rows) - &jacobian * covariance * jacobian.transpose();
    let by_v = all.tr_mul(&(&precise * &all)) * 2.0;
    let seen = &precise * &jacobian;
    let direct = jacobian.tr_mul(&seen);
    // ∂V with respect to each parameter of Ω and s, as J·M·Jᵀ or as the diagonal of ∂ ln V. The information of a
    // censored observation is not a variance, and its part of the information on s is the square of its score.
    enum CovarianceElement {
        Between(DMatrix<f64>),
        Within(DVector<f64>, DVector<f64>),
        None,
    }
    let spreads: Vec<CovarianceElement> = coordinates
        .iter()
        .map(|c| match *c {
            EstimatedParameter::Cholesky { row, column } => CovarianceElement::Between(omega_by(row, column)),
            EstimatedParameter::Sigma { analyte, part } => {
                let of = |is_quantified: bool, by: &dyn Fn(&LikelihoodTerm) -> f64| {
                    let of = |o: &Observed| {
                        let there = o.analyte == analyte && o.is_quantified == is_quantified;
                        if there { by(&o.term) } else { 0.0 }
                    };
                    DVector::from_iterator(rows, solved.observations.iter().map(of))
                };
                let variance = of(true, &|term| -term.information_by_s[part] / term.information);
                CovarianceElement::Within(variance, of(false, &|term| term.by_s[part]))
            }
            EstimatedParameter::Typical { .. } | EstimatedParameter::Coefficient { .. } => {
                CovarianceElement::None
            }
        })
        .collect();
    let shifts: Vec<_> = coordinates.iter().map(shift).collect();
    let pair = |i: usize, j: usize| match (&spreads[i], &spreads[j], shifts[i], shifts[j]) {
        (_, _, Some((p, by)), Some((q, also))) => by * also * by_v[(solved.position(p), solved.position(q))],
        (CovarianceElement::Between(a), CovarianceElement::Between(b), ..) => {
            (&direct * a).dot(&(&direct * b).transpose())
        }
        (CovarianceElement::Between(a), CovarianceElement::Within(d, _), ..)
        | (CovarianceElement::Within(d, _), CovarianceElement::Between(a), ..) => {
            let across = &seen * a;
            (0..rows).map(|r| d[r] * across.row(r).dot(&seen.row(r))).sum()
        }
        (CovarianceElement::Within(d, score), CovarianceElement::Within(e, other), ..) => {
            let square = |r: usize, s: usize| precise[(r, s)].powi(2) * d[r] * e[s];
            let nonzero = |v: &DVector<f64>| (0..rows).filter(|&r| v[r] != 0.0).collect::<Vec<_>>();
            let (first, second) = (nonzero(d), nonzero(e));
            let pairs = first.iter().flat_map(|&r| second.iter().map(move |&s| (r, s)));
            pairs.map(|(r, s)| square(r, s)).sum::<f64>() + 2.0 * score.dot(other)
        }
        _ => 0.0,
    };
    let p = coordinates.len();
    let mut information = DMatrix::zeros(p, p);
    for i in 0..p {
        for j in 0..=i {
            information[(i, j)] = pair(i, j);
            information[(j, i)] = information[(i, j)];
        }
    }
    information
}

/// An observation with its likelihood and the first derivatives of its prediction.
struct Observed {
    /// Position of the prediction: of its time and of its analyte among the outputs.
    at: (usize, usize),
    analyte: Analyte,
    is_quantified: bool,
    term: LikelihoodTerm,
    /// Derivatives with respect to v, to the logarithms of the parameters in v, and to the η.
    slope: DVector<f64>,
    by_log: DVector<f64>,
    over: DVector<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::conditional::{EtaMode, Sought, conditional_each};
    use crate::simulate::{Noise, SubjectStream, simulate_subject};
    use omafit_model::{Covariates, Dose, EffectEntry, PopulationModel, ResidualEntry, Transform, published};

    fn mode(population: &FactoredModel, subject: &Subject, start: &[f64]) -> EtaMode {
        let sought = Sought { subject, start, before: None };
        conditional_each(population, &[sought], RTOL).swap_remove(0).unwrap().0
    }

    /// The model of Hayashi with a block, a logit, every form of effect and of residual error, Student's t, and limits.
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
        file.residual.insert(Analyte::OMALIZUMAB_TOTAL, entry(None, Some(1.0), Some(0.1)));
        let limited = ResidualEntry { uloq: Some(60.0), ..entry(Some(0.2), None, None) };
        file.residual.insert(Analyte::IGE_FREE, limited);
        let robust = ResidualEntry { student_t: Some(5.0), ..entry(Some(0.15), None, None) };
        file.residual.insert(Analyte::IGE_TOTAL, robust);
        PopulationModel::new(file).unwrap()
    }

    fn subject(model: &PopulationModel, seed: u64) -> Subject {
        let doses: Vec<Dose> = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
        let days = [0.0, 3.0, 10.0, 27.0, 60.0, 111.0, 140.0, 180.0];
        let covariates = Covariates::new(80.0, 450.0).with("AGE", 30.0 + seed as f64 * 7.0);
        let mut subject = Subject::planned(seed, covariates, doses, &omafit_model::analytes(), &days);
        simulate_subject(model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
        // Zeros before the first dose are left out.
        subject.observations.retain(|o| o.value > 0.0);
        subject
    }

    /// Relative tolerance low enough that differences are limited only by their formula.
    const RTOL: f64 = 1e-12;

    #[test]
    fn the_gradient_is_that_of_differences_of_the_converged_objective() {
        let truth = model();
        let space = ParameterVector::new(&truth).unwrap();
        let mut censored = 0;
        for seed in 1..=3 {
            let subject = subject(&truth, seed);
            censored += subject.observations.iter().filter(|o| o.censoring == Censoring::Above).count();
            // Away from the true values, where nothing cancels.
            let x: Vec<f64> = space.vector(&truth.values()).iter().map(|x| x + 0.1).collect();
            let population = |x: &[f64]| FactoredModel::new(space.model(&truth, x).unwrap()).unwrap();
            let value = |x: &[f64], start: &[f64]| mode(&population(x), &subject, start);
            let centre = value(&x, &[0.0; 7]);
            let changed = changes(&population(&x), &space, &[(&subject, &centre.u)], RTOL);
            let changed = changed.into_iter().next().unwrap().unwrap();
            let found = &changed.gradient;
            for (k, name) in space.names(&truth).iter().enumerate() {
                // The step lies between the truncation error of the formula and the error of η̂, wherever that is for
                // each parameter.
                let gaps = [4e-3, 1e-2, 4e-2].map(|h| {
                    let moved = |steps: f64| {
                        let mut x = x.clone();
                        x[k] += steps * h;
                        value(&x, &centre.u).ofv
                    };
                    let difference =
                        (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * h);
                    (found[k] - difference).abs() / (1.0 + difference.abs())
                });
                assert!(gaps.iter().any(|gap| *gap < 1e-5), "{name}: {} {gaps:?}", found[k]);
                // η̂ moves as extrapolated.
                let (h, mut along) = (1e-3, vec![0.0; x.len()]);
                along[k] = h;
                let mut moved = x.clone();
                moved[k] += h;
                let there = value(&moved, &centre.u).u;
                for (u, foreseen) in there.iter().zip(changed.extrapolate_eta(&centre.u, &along)) {
                    assert!((u - foreseen).abs() < 1e-4, "{name}: {u} {foreseen}");
                }
            }
        }
        assert!(censored > 3, "{censored}");
    }
}
