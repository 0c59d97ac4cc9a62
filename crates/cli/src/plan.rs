//! Plan of a run: its arguments, checked against the model that they name.

use crate::checks::{positive, share};
use crate::error::{CliError, refuse};
use crate::memory::Grid;
use crate::model;
use crate::options::{InfluenceName, MethodName, RunArgs};
use crate::predictive::FEWEST_REPLICATES;
use crate::progress_bar::progress_bar;
use crate::provenance::{GivenModel, Origin};
use omafit_estimate::{
    Bands, FitOptions, Method, PooledSigma, Prior, ReconstructionOptions, Replication, SigmaRule, pool_sigma,
};
use omafit_model::{PopulationModel, ResidualDistribution, Subject};
use omafit_trial::{Source, Spans};

/// Default degrees of freedom of `--robust student-t`.
const ROBUST_DF: f64 = 4.0;

/// Plan of a run: its checked arguments.
#[derive(Clone, Debug)]
pub struct Plan {
    model: PopulationModel,
    given: GivenModel,
    options: FitOptions,
    prior: Option<Prior>,
    wanted: ReconstructionOptions,
    has_courses: bool,
    replication: Option<Replication>,
}

impl Plan {
    /// Checks the arguments against the model that they name.
    pub fn new(args: &RunArgs) -> Result<Self, CliError> {
        let (mut model, given) = model::load_given(&args.model)?;
        if let Some(robust) = &args.robust {
            let place = || "the model with --robust".to_owned();
            model = model
                .with_residuals(distribution(robust)?)
                .map_err(|source| CliError::Model { place: place(), source })?;
        }
        positive("every", args.every)?;
        positive("target", args.target)?;
        if let Some(until) = args.until {
            positive("until", until)?;
        }
        share("level", args.level)?;
        if let Some(level) = args.profile {
            share("profile", level)?;
        }
        if args.max_iterations == 0 {
            return Err(refuse("max-iterations", 0, "at least 1"));
        }
        let replicates = args.replicates.unwrap_or(0);
        if (1..FEWEST_REPLICATES).contains(&replicates) {
            let expected = format!("0, or at least {FEWEST_REPLICATES}");
            return Err(refuse("replicates", replicates, expected));
        }
        let replication = (replicates > 0).then_some(Replication { replicates, seed: args.replicates_seed });
        if args.population().is_some() {
            let expected =
                "left out with --method foce, its and saem, which estimate residual errors of their own";
            if SigmaRule::from(args.sigma) != SigmaRule::Given {
                return Err(refuse("sigma", "subject or pooled", expected));
            }
        }
        let is_normal = model.residual_distribution() == Some(ResidualDistribution::Normal);
        if args.method == MethodName::Its && !is_normal {
            let expected = "foce or saem: iterative two-stage takes the distribution of η given the data for normal, which \
                            residuals of Student's t make it too little";
            return Err(refuse("method", "its", expected));
        }
        args.exports.verify(args.method)?;
        if args.method != MethodName::Foce && args.influence.is_some() {
            let expected = "left out without --method foce: it is of the objective that FOCE makes least";
            return Err(refuse("influence", "", expected));
        }
        if args.population_starts == 0 {
            return Err(refuse("population-starts", 0, "at least 1"));
        }
        if args.population_starts > 1 && args.population().is_none() {
            let expected = "left out without --method foce, its and saem: no population is estimated";
            return Err(refuse("population-starts", args.population_starts, expected));
        }
        if args.no_population_covariance {
            if args.population().is_none() {
                let expected = "left out without --method foce, its and saem: no population is estimated";
                return Err(refuse("no-population-covariance", "", expected));
            }
            if args.influence.is_some_and(|how| how != InfluenceName::None) {
                let expected = "left out with --no-population-covariance, from which influence is computed";
                return Err(refuse("influence", "", expected));
            }
        }
        if args.likelihood().is_some() {
            let has_population =
                args.method != MethodName::Nls && SigmaRule::from(args.sigma) != SigmaRule::Subject;
            if !has_population {
                let expected =
                    "without --method nls and --sigma subject: it is the likelihood of a population";
                return Err(refuse("likelihood", "", expected));
            }
        }
        if args.likelihood_samples < 2 {
            return Err(refuse("likelihood-samples", args.likelihood_samples, "at least 2"));
        }
        let free = estimated(args, &model)?;
        let method = Method::from(args.method);
        let prior = if method == Method::Map { Some(prior(&model, &free)?) } else { None };
        let options = FitOptions {
            max_iterations: args.max_iterations,
            further_starts: args.starts,
            covariance: args.covariance.into(),
            profile: args.profile,
            sigma: args.sigma.into(),
            ..FitOptions::new(method, free)
        };
        let wanted = ReconstructionOptions {
            every: args.every,
            until: args.until.unwrap_or(f64::NEG_INFINITY),
            level: args.level,
            target_ng_ml: args.target,
            bands: Bands::Linear,
        };
        Ok(Self { model, given, options, prior, wanted, has_courses: !args.no_trajectories, replication })
    }

    /// The plan with the model of an estimated population.
    pub fn with_model(&self, model: &PopulationModel) -> Result<Self, CliError> {
        let prior = Some(prior(model, &self.options.free)?);
        Ok(Self { model: model.clone(), prior, ..self.clone() })
    }

    /// The plan with residual errors pooled over the fits of all subjects; `None` if pooling is not requested.
    pub fn pooled(
        &self,
        subjects: &[Subject],
        data: &Source,
        quiet: bool,
    ) -> Result<Option<(Self, PooledSigma)>, CliError> {
        if self.options.sigma != SigmaRule::Pooled {
            return Ok(None);
        }
        let progress = progress_bar("residual errors, a round of", subjects.len() as u64, quiet);
        let done = || {
            progress.inc(1);
            if progress.position() == progress.length().unwrap_or(0) {
                progress.set_position(0);
            }
        };
        let pooled = pool_sigma(&self.model, subjects, self.prior.as_ref(), &self.options, &done);
        progress.finish_and_clear();
        let place = "the model with the pooled residual errors".to_string();
        let pooled = pooled.map_err(|source| CliError::Model { place, source })?;
        let how = "residual errors alone, of all fits together";
        let model = Origin { model: &self.given, data, how }.marked(&pooled.model)?;
        Ok(Some((Self { model, ..self.clone() }, pooled)))
    }

    /// Whether a requested computation needs all subjects at once.
    pub fn needs_all(&self, args: &RunArgs) -> bool {
        args.population().is_some()
            || args.likelihood().is_some()
            || self.options.sigma == SigmaRule::Pooled
            || self.replication.is_some()
    }

    /// Refuses time courses that do not fit into memory for `held` subjects at a time.
    pub fn check_memory(&self, spans: &Spans, held: usize, threads: usize) -> Result<(), CliError> {
        let Some(ReconstructionOptions { every, until, .. }) = self.courses().copied() else { return Ok(()) };
        let option = ("every", every.to_string());
        let until = Some(until).filter(|until| until.is_finite());
        let outputs = self.model.structure().outputs().len();
        let grid = Grid { option, every, until, courses: 1, draws: 0, outputs };
        grid.check(spans, held, self.model.parameters().len() + 1, threads)
    }

    /// Prior of the fits, if there is one.
    pub fn prior(&self) -> Option<&Prior> {
        self.prior.as_ref()
    }

    /// Population model of the run.
    pub fn model(&self) -> &PopulationModel {
        &self.model
    }

    /// Model with which the run began.
    pub fn given(&self) -> &GivenModel {
        &self.given
    }

    /// Options of the fit of each subject.
    pub fn options(&self) -> &FitOptions {
        &self.options
    }

    /// Options of a reconstruction.
    pub fn wanted(&self) -> &ReconstructionOptions {
        &self.wanted
    }

    /// Options of the reconstruction of every subject; `None` if the time courses are left out.
    pub fn courses(&self) -> Option<&ReconstructionOptions> {
        self.has_courses.then_some(&self.wanted)
    }

    /// Simulations for NPDE and predictive checks, if requested.
    pub fn replication(&self) -> Option<Replication> {
        self.replication
    }

    /// Target for free IgE, ng/mL.
    pub fn target_ng_ml(&self) -> f64 {
        self.wanted.target_ng_ml
    }
}

/// Distribution of the residuals requested by `--robust`.
fn distribution(asked: &str) -> Result<ResidualDistribution, CliError> {
    let df = match asked.split_once('=') {
        None if asked == "student-t" => Some(ROBUST_DF),
        Some(("student-t", df)) => df.parse().ok().filter(|df| (1.0..=100.0).contains(df)),
        _ => None,
    };
    let expected = "`student-t`, or `student-t=ν` with degrees of freedom ν from 1 to 100";
    df.map(|df| ResidualDistribution::StudentT { df }).ok_or_else(|| refuse("robust", asked, expected))
}

/// Positions of the parameters estimated for each subject: as given by `--estimate`, or by the model file, or
/// else those that vary.
fn estimated(args: &RunArgs, model: &PopulationModel) -> Result<Vec<usize>, CliError> {
    let asked =
        if args.estimate.is_empty() { model.file().estimate.clone() } else { Some(args.estimate.clone()) };
    let Some(names) = asked else { return Ok(model.variable().to_vec()) };
    if names == ["all"] {
        return Ok((0..model.parameters().len()).collect());
    }
    let known: Vec<&str> = model.parameter_names().collect();
    let expected = format!("`all` or parameters of the model, each once: {}", known.join(", "));
    let mut free = Vec::with_capacity(names.len());
    for name in &names {
        let position = model.position(name.trim()).filter(|p| !free.contains(p));
        free.push(position.ok_or_else(|| refuse("estimate", name, &expected))?);
    }
    free.sort_unstable();
    Ok(free)
}

/// Prior from the population for the estimated parameters that vary; estimated parameters that do not vary have
/// no prior.
pub fn prior(model: &PopulationModel, free: &[usize]) -> Result<Prior, CliError> {
    let variable = model.variable();
    let rows: Vec<usize> = (0..variable.len()).filter(|&r| free.contains(&variable[r])).collect();
    let omega: Vec<f64> = rows
        .iter()
        .flat_map(|&r| rows.iter().map(move |&c| (r, c)))
        .map(|(r, c)| model.omega()[r * variable.len() + c])
        .collect();
    let positions = (0..free.len()).filter(|&i| variable.contains(&free[i])).collect();
    Prior::new(positions, &omega)
        .ok_or_else(|| refuse("model", model.name(), "a model whose Ω is positive definite"))
}
