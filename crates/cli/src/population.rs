//! Population of a run, estimated before its subjects are fitted.

use crate::checkpoint::Journal;
use crate::error::CliError;
use crate::influence::Influence;
use crate::seconds::Seconds;
use omafit_estimate::{
    Checkpoint, EstimatedNumbers, FitOptions, Method, Observer, PopulationError, PopulationEstimate,
    PopulationFit, PopulationMethod, PopulationOptions, PopulationUncertainty, Shrinkage,
    estimate_population, least_determined_direction, population_covariance, population_estimates, propagated,
    shrinkage,
};
use omafit_model::{PopulationModel, PopulationValues, Subject};
use omafit_trial::{
    NonmemForm, NonmemPopulation, RunFolder, convergence_table, nonmem_values, parameter_covariance_table,
    parameters_table,
};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// An estimated population.
pub struct Population {
    method: PopulationMethod,
    fit: PopulationFit,
    names: Vec<String>,
    estimates: Vec<PopulationEstimate>,
    trace: Vec<(u64, f64, Vec<f64>)>,
    influence: Option<Influence>,
}

/// Default limit on the iterations of SAEM.
const MOST_DRAWS: u64 = 1000;

/// Options of a population estimation by a method, with a limit on the iterations other than the default if one
/// is given.
pub fn options(method: PopulationMethod, limit: Option<u64>) -> PopulationOptions {
    let default = PopulationOptions::default();
    let most = match method {
        PopulationMethod::Saem { .. } => MOST_DRAWS,
        PopulationMethod::Foce | PopulationMethod::Its => default.max_iterations,
    };
    PopulationOptions { max_iterations: limit.unwrap_or(most), ..default }
}

/// Observer that only stops the estimation on request.
pub struct Stopped(pub Arc<AtomicBool>);

impl Observer for Stopped {
    fn go_on(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// End of a population estimation.
pub enum Ended {
    /// The estimation ended by itself.
    Done(Box<Population>),
    /// The estimation was interrupted after the given number of iterations.
    Interrupted(u64),
}

/// Entry `population` of `run.json`.
#[derive(Debug, Serialize)]
pub struct PopulationRecord {
    method: &'static str,
    seed: Option<u64>,
    ofv: f64,
    iterations: u64,
    converged: bool,
    stop_reason: String,
    estimated: Vec<String>,
    condition_number: Option<f64>,
    flattest_direction: Option<String>,
    no_covariance_because: Option<String>,
    /// Parameters that the data do not determine; they are held for the standard errors of the others.
    undetermined: Vec<String>,
    /// Parameters at an end of their range; they are held there for the standard errors of the others.
    held: Vec<String>,
    /// Reason why standard errors are based on the expected information of the linearised model; `None` if they
    /// are based on the curvature of FOCE's objective.
    expected_information_because: Option<String>,
}

impl Population {
    /// Estimates all parameters of the population that the model does not fix, from the start or from a
    /// checkpoint, observed by the journal.
    pub fn fit(
        model: &PopulationModel,
        subjects: &[Subject],
        method: PopulationMethod,
        options: PopulationOptions,
        (journal, from): (Journal<'_>, Option<Checkpoint>),
        seconds: &mut Seconds,
    ) -> Result<Ended, CliError> {
        let started = Instant::now();
        let fit = match estimate_population(model, subjects, method, options, from, &journal) {
            Err(PopulationError::Interrupted) => return Ok(Ended::Interrupted(journal.ended()?)),
            fit => fit?,
        };
        // The covariance is computed after the last iteration.
        let last = journal.last().unwrap_or(started);
        seconds.add("population", (last - started).as_secs_f64());
        seconds.add("population covariance", last.elapsed().as_secs_f64());
        let trace = journal.trace();
        let names = fit.space.names(&fit.model);
        let estimates = population_estimates(&fit.model, &fit.space, fit.uncertainty.as_ref().ok());
        Ok(Ended::Done(Box::new(Self { method, fit, names, estimates, trace, influence: None })))
    }

    /// The population with the influence of each subject on its estimates.
    pub fn with_influence(mut self, of: impl FnOnce(&PopulationFit) -> Option<Influence>) -> Self {
        self.influence = of(&self.fit);
        self
    }

    /// Model with the estimates.
    pub fn model(&self) -> &PopulationModel {
        &self.fit.model
    }

    /// η̂ of each subject, if the fits of the subjects estimate exactly the parameters that vary; otherwise
    /// empty.
    pub fn modes(&self, options: &FitOptions) -> Vec<Vec<f64>> {
        if options.free == self.model().variable() {
            self.fit.subjects.iter().map(|subject| subject.eta.clone()).collect()
        } else {
            Vec::new()
        }
    }

    /// Counts of the estimated parameters, by whether the subjects or the observations inform them.
    pub fn estimated(&self) -> EstimatedNumbers {
        EstimatedNumbers::of(&self.fit.space, &self.fit.model)
    }

    /// Whether the estimation converged.
    pub fn converged(&self) -> bool {
        self.fit.converged()
    }

    /// Shrinkage of each η.
    pub fn shrinkage(&self) -> Vec<Shrinkage> {
        let etas: Vec<Vec<f64>> = self.fit.subjects.iter().map(|s| s.eta.clone()).collect();
        let options = FitOptions::new(Method::Map, self.model().variable().to_vec());
        shrinkage(self.model(), &options, &etas)
    }

    /// Writes the tables `parameters`, `parameter_covariance`, `uncertainty`, `convergence` and `influence`, as
    /// far as they exist.
    pub fn write(&self, folder: &RunFolder) -> Result<(), CliError> {
        let parameters = parameters_table(&self.fit.model, &self.estimates, &self.shrinkage())?;
        crate::write::write_both(folder, &parameters)?;
        if let Ok(uncertainty) = &self.fit.uncertainty {
            let covariance = population_covariance(&self.fit.model, &self.fit.space, uncertainty);
            crate::write::write_both(folder, &parameter_covariance_table(&self.estimates, &covariance)?)?;
        }
        crate::write::write_both(folder, &crate::uncertainty::of_fit(&self.estimates)?)?;
        if let Some(influence) = &self.influence {
            crate::write::write_both(folder, &influence.table(&self.estimates)?)?;
        }
        crate::write::write_both(folder, &convergence_table(&self.names, &self.trace)?)
    }

    /// Content of the NONMEM output files about the population.
    pub fn nonmem(&self) -> NonmemPopulation {
        let Self { fit, trace, .. } = self;
        let (model, space) = (&fit.model, &fit.space);
        let values = model.values();
        let read = |form: NonmemForm| move |values: &PopulationValues| nonmem_values(model, values, form);
        let iteration = |(number, ofv, vector): &(u64, f64, Vec<f64>)| {
            (*number, read(NonmemForm::Covariance)(&space.values(&values, vector)), *ofv)
        };
        let uncertainty = fit.uncertainty.as_ref().ok();
        let covariance = uncertainty.map(|u| {
            let forms = [NonmemForm::Covariance, NonmemForm::Correlation];
            forms.map(|form| propagated(model, space, &u.r, &read(form)))
        });
        let method = match self.method {
            PopulationMethod::Its => ["Iterative Two Stage", "METHOD=ITS INTERACTION"],
            PopulationMethod::Foce => {
                ["First Order Conditional Estimation with Interaction", "METHOD=1 INTERACTION MAXEVAL=9999"]
            }
            PopulationMethod::Saem { .. } => {
                ["Stochastic Approximation Expectation-Maximization", "METHOD=SAEM INTERACTION"]
            }
        };
        NonmemPopulation {
            method,
            iterations: trace.iter().map(iteration).collect(),
            converged: self.converged(),
            ofv: fit.ofv,
            covariance,
            eigenvalues: uncertainty.map_or(Vec::new(), |u| u.eigenvalues.clone()),
        }
    }

    /// Entry `population` of `run.json`.
    pub fn record(&self) -> PopulationRecord {
        let uncertainty = self.fit.uncertainty.as_ref();
        PopulationRecord {
            method: self.method_name(),
            seed: if let PopulationMethod::Saem { seed } = self.method { Some(seed) } else { None },
            ofv: self.fit.ofv,
            iterations: self.fit.iterations,
            converged: self.converged(),
            stop_reason: self.fit.reason.clone(),
            estimated: self.names.clone(),
            condition_number: uncertainty.ok().map(|u| u.condition()),
            flattest_direction: uncertainty.ok().map(|u| least_determined_direction(&self.names, u)),
            no_covariance_because: uncertainty.err().cloned(),
            undetermined: uncertainty.map_or_else(
                |_| Vec::new(),
                |u| u.undetermined.iter().map(|&k| self.names[k].clone()).collect(),
            ),
            held: uncertainty.map_or_else(
                |_| Vec::new(),
                |u| u.held.iter().map(|end| self.names[end.coordinate].clone()).collect(),
            ),
            expected_information_because: uncertainty.ok().and_then(|u| u.expected_because.clone()),
        }
    }

    /// Name of the estimation method, as `--method` takes it.
    pub fn method_name(&self) -> &'static str {
        match self.method {
            PopulationMethod::Its => "its",
            PopulationMethod::Foce => "foce",
            PopulationMethod::Saem { .. } => "saem",
        }
    }

    /// Warnings about the estimated population.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.converged() {
            warnings.push(format!("population: {}", self.fit.reason));
        }
        let (subjects, etas) = (self.fit.subjects.len(), self.model().variable().len());
        if subjects <= etas {
            warnings.push(format!(
                "population: how {etas} parameters vary between people cannot be told from {subjects} of them: give their \
                 variability in the model file, or add subjects"
            ));
        }
        match &self.fit.uncertainty {
            Err(why) => warnings.push(format!("population: no standard errors: {why}")),
            Ok(PopulationUncertainty { expected_because, held, undetermined, .. }) => {
                if !undetermined.is_empty() {
                    let names: Vec<&str> = undetermined.iter().map(|&k| self.names[k].as_str()).collect();
                    warnings.push(format!(
                        "population: not determined by the data, alone or together with others: {}; the standard errors of the \
                         other numbers are with it held where it is",
                        names.join(", ")
                    ));
                }
                warnings.extend(expected_because.iter().map(|why| {
                    format!(
                        "population: standard errors are from the information that is expected where the model is linear, \
                         not from the curvature of FOCE's objective at these estimates: {why}"
                    )
                }));
                warnings.extend(held.iter().map(|end| {
                    let name = &self.names[end.coordinate];
                    let words = &end.words;
                    format!(
                        "population: {name} has no standard error: {words}; those of the other numbers are of the model with \
                         this boundary built in"
                    )
                }));
            }
        }
        warnings.extend(self.influence.iter().flat_map(|influence| influence.warnings(&self.estimates)));
        warnings
    }

    /// Names of the estimates that have no standard error because the data of these subjects do not determine
    /// them.
    pub fn not_determined(&self) -> Vec<&str> {
        let determined = self.fit.numbers(&self.fit.determined());
        let missing = self.estimates.iter().zip(determined).filter(|(e, v)| e.se[0].is_nan() && v.is_nan());
        missing.map(|(estimate, _)| estimate.name.as_str()).collect()
    }

    /// The fit and the estimates of the population.
    pub fn parts(&self) -> (&PopulationFit, &[PopulationEstimate]) {
        (&self.fit, &self.estimates)
    }
}
