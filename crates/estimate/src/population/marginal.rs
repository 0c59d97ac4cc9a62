//! −2 log-likelihood of a population with the η integrated out: by linearisation, by Laplace's method, by importance
//! sampling.
//!
//! In the letters of [`super::conditional`], with A = ½·∂²G/∂η² at η̂, which is H and what H leaves out, and q the density
//! of Student's t around η̂ with the scale A⁻¹:
//!
//! ```text
//! linear               G(η̂) + ln|H|
//! laplace              G(η̂) + ln|A|
//! importance sampling  −2 ln 1/K·Σ exp(−½G(ηₖ))·(2π)^(−d/2)/q(ηₖ),   ηₖ drawn from q
//! ```

use super::conditional::{ConditionalError, subject_problem};
use super::proposal::Proposal;
use crate::individual::{FitOptions, Method, Status, fit_subject};
use crate::likelihood::{Law, constant, given_errors};
use crate::prior::Prior;
use crate::problem::{SubjectError, SubjectProblem};
use crate::shape::Shape;
use crate::simulate::SubjectStream;
use omafit_model::{PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the η are integrated out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LikelihoodMethod {
    /// The model made linear at η̂: the objective of FOCE with interaction.
    Linear,
    /// Laplace's method, with the exact second derivatives of the model.
    Laplace,
    /// Importance sampling.
    Is,
}

/// How a population's likelihood is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikelihoodOptions {
    /// By which method.
    pub method: LikelihoodMethod,
    /// Draws a subject of importance sampling, at least 2.
    pub samples: u32,
    /// Their seed.
    pub seed: u64,
}

/// A subject's part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginalPart {
    /// Its −2 log-likelihood, without the constants that FOCE leaves out.
    pub ofv: f64,
    /// Its Monte-Carlo standard error; zero of a method that does not draw.
    pub se: f64,
    /// The number of draws in effect, (Σw)²/Σw²; NaN of a method that does not draw.
    pub effective: f64,
    /// Draws at which the model cannot be solved: they count as of likelihood zero.
    pub unsolved: u32,
}

/// The likelihood of a population.
#[derive(Clone, Debug, PartialEq)]
pub struct Marginal {
    /// −2 log-likelihood, without the constants that FOCE leaves out.
    pub ofv: f64,
    /// −2 log-likelihood with all constants, on the natural scale of the data.
    pub minus2ll: f64,
    /// Monte-Carlo standard error of both.
    pub se: f64,
    /// Each subject's part.
    pub subjects: Vec<MarginalPart>,
}

/// Why there is no likelihood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MarginalError {
    /// A subject has none.
    #[error("subject {id}: {reason}")]
    Subject {
        /// The subject.
        id: String,
        /// Why.
        reason: ConditionalError,
    },
    /// Ω is no covariance, or nothing varies.
    #[error("the model has no Ω that is positive definite: there is nothing to integrate over")]
    Omega,
}

/// The likelihood of a model's population.
///
/// # Errors
/// When Ω is no covariance, a subject's η has no minimum, or, by Laplace's method, the curvature there is not that of one.
pub fn marginal_likelihood(
    model: &PopulationModel,
    subjects: &[Subject],
    options: LikelihoodOptions,
) -> Result<Marginal, MarginalError> {
    let varies = !model.variable().is_empty();
    let prior = Prior::new((0..model.variable().len()).collect(), model.omega()).filter(|_| varies);
    let prior = prior.ok_or(MarginalError::Omega)?;
    let one = |(position, subject): (usize, &Subject)| {
        part(model, &prior, subject, position as u64, options)
            .map_err(|reason| MarginalError::Subject { id: subject.id.clone(), reason })
    };
    let parts: Vec<_> = subjects.par_iter().enumerate().with_max_len(1).map(one).collect();
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let errors = given_errors(model);
    let laws = subjects
        .iter()
        .flat_map(|subject| &subject.observations)
        .filter_map(|o| Some((o, Law { error: errors[o.analyte.index()]?, shape: Shape::Normal })));
    let constants: f64 = laws.map(|(o, law)| constant(o, law, true) - constant(o, law, false)).sum();
    let ofv = parts.iter().map(|p| p.ofv).sum();
    Ok(Marginal {
        ofv,
        minus2ll: ofv + constants,
        se: parts.iter().map(|p| p.se * p.se).sum::<f64>().sqrt(),
        subjects: parts,
    })
}

/// A subject's part, η̂ looked for as hard as for a subject alone.
fn part(
    model: &PopulationModel,
    prior: &Prior,
    subject: &Subject,
    position: u64,
    options: LikelihoodOptions,
) -> Result<MarginalPart, ConditionalError> {
    let fit =
        fit_subject(model, subject, Some(prior), &FitOptions::new(Method::Map, model.variable().to_vec()));
    if fit.status == Status::Failed {
        return Err(ConditionalError::NotFitted(fit.reason));
    }
    let problem = subject_problem(model, subject, Some(prior))?;
    let at = problem.linearise(&fit.eta)?;
    let offset = problem.constants() + prior.log_determinant();
    let information = at.jacobian.tr_mul(&at.jacobian);
    let analytic = |precision: nalgebra::DMatrix<f64>| {
        let log_determinant = nalgebra::Cholesky::new(precision)?.ln_determinant();
        let ofv = at.objective + offset + log_determinant;
        ofv.is_finite().then_some(MarginalPart { ofv, se: 0.0, effective: f64::NAN, unsolved: 0 })
    };
    let curvature = || -> Result<_, ConditionalError> {
        let missing = SubjectProblem::missing_curvature_each(&[(&problem, &fit.eta, &at.predictions)]);
        missing.into_iter().try_fold(information.clone(), |sum, missing| Ok(sum + missing?))
    };
    match options.method {
        LikelihoodMethod::Linear => {
            analytic(information).ok_or(ConditionalError::NotPositive("the information on η"))
        }
        LikelihoodMethod::Laplace => {
            analytic(curvature()?).ok_or(ConditionalError::NotPositive("the curvature at η̂"))
        }
        LikelihoodMethod::Is => {
            // What is drawn from need not be exact.
            let exact = curvature().ok().and_then(|precision| Proposal::new(&fit.eta, precision));
            let proposal = exact
                .or_else(|| Proposal::new(&fit.eta, information))
                .ok_or(ConditionalError::NotPositive("the information on η"))?;
            let stream = SubjectStream::of_likelihood(options.seed, position);
            Ok(sampled(&problem, &proposal, fit.eta.len(), offset, stream, options.samples))
        }
    }
}

fn sampled(
    problem: &SubjectProblem<'_>,
    proposal: &Proposal,
    unknowns: usize,
    offset: f64,
    mut stream: SubjectStream,
    samples: u32,
) -> MarginalPart {
    let constant = -0.5 * unknowns as f64 * (2.0 * PI).ln();
    let etas: Vec<Vec<f64>> = (0..samples).map(|_| proposal.draw(&mut stream)).collect();
    let mut unsolved = 0;
    let log = |(eta, objective): (&Vec<f64>, Result<f64, SubjectError>)| match objective {
        Ok(objective) => constant - 0.5 * (objective + offset) - proposal.log_density(eta),
        Err(_) => {
            unsolved += 1;
            f64::NEG_INFINITY
        }
    };
    let logs: Vec<f64> = etas.iter().zip(problem.objectives(&etas)).map(log).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = || logs.iter().map(|log| (log - largest).exp());
    let (count, sum) = (f64::from(samples), weights().sum::<f64>());
    let squares = weights().map(|w| w * w).sum::<f64>();
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0) / (count - 1.0);
    MarginalPart {
        ofv: -2.0 * (largest + mean.ln()),
        se: 2.0 * variance.sqrt() / mean,
        effective: sum * sum / squares,
        unsolved,
    }
}
