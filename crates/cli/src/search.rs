//! `omafit search`: a stepwise search for covariate effects.

use crate::Outcome;
use crate::censored::censor;
use crate::check::overlaid;
use crate::check::strict;
use crate::checks::share;
use crate::error::{CliError, refuse};
use crate::lines::Lines;
use crate::options::{Censored, ReadArgs, Running};
use crate::population::{self, Stopped};
use crate::provenance::{Origin, Program};
use crate::recorded_path::RecordedPath;
use crate::threads::pool;
use crate::unit_slips::{EXAMINED, unit_slips};
use crate::write::{write_both, write_record};
use crate::{interrupt, model, print};
use clap::Args;
use omafit_estimate::{
    Candidate, Fits, Levels, PopulationError, PopulationMethod, PopulationOptions, SearchFit, Stepwise,
    Verdict, candidates, evaluate_population, screened,
};
use omafit_model::{PopulationModel, Subject};
use omafit_trial::{Column, RunFolder, Table, Values, read};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// File of the fits of an unfinished search.
const FITS: &str = "search.jsonl";

/// What is searched.
#[derive(Args, Debug)]
pub struct SearchArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    /// Model whose file declares as `search` what may be added: the name of one that ships, or a model file
    #[arg(long, value_name = "NAME|FILE")]
    pub model: String,
    /// What becomes of observations beyond a limit of quantification
    #[arg(long, value_enum, default_value_t = Censored::M3)]
    pub censored: Censored,
    /// An effect is added if its p value is below this level
    #[arg(long, default_value_t = 0.05, value_name = "P")]
    pub forward: f64,
    /// An effect is removed again if its p value is above this level
    #[arg(long, default_value_t = 0.01, value_name = "P")]
    pub backward: f64,
    /// Leave out effects whose p value is above this level where η̂ of the first model is screened against covariates
    /// [default: none is left out]
    #[arg(long, value_name = "P")]
    pub screen: Option<f64>,
    /// Limit on the iterations of each fit [default: 300]
    #[arg(long, value_name = "N")]
    pub population_iterations: Option<u64>,
    /// Folder for the tables and the final model
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on with a search that was interrupted
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub running: Running,
}

/// Screens the candidates, searches, and writes the results.
pub fn search(args: &SearchArgs) -> Result<Outcome, CliError> {
    share("forward", args.forward)?;
    share("backward", args.backward)?;
    args.screen.map_or(Ok(()), |level| share("screen", level))?;
    let started = Instant::now();
    let (first, given) = model::load_given(&args.model)?;
    let mut options = overlaid(&args.read.how, model::needs(&first))?;
    for entry in &first.file().search {
        if !options.covariates.iter().any(|known| known.eq_ignore_ascii_case(&entry.covariate)) {
            options.covariates.push(entry.covariate.clone());
        }
    }
    let mut trial = read(&args.read.data, &options)?;
    let examined = &trial.subjects[..trial.subjects.len().min(EXAMINED)];
    let slips = unit_slips(&first, examined, &options)?;
    trial.warnings.splice(0..0, slips);
    strict(&trial, args.read.how.strict)?;
    censor(&mut trial.subjects, args.censored);
    let quiet = args.running.quiet;
    if !quiet {
        print::trial(&trial, &first);
    }
    let subjects = &trial.subjects;
    let declared = candidates(&first, subjects)?;
    let levels = Levels { forward: args.forward, backward: args.backward };
    let settings = population::options(PopulationMethod::Foce, args.population_iterations);
    let identity = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": first.file(),
        "data_sha256": trial.source.sha256,
        "read": options,
        "censored": args.censored,
        "levels": levels,
        "screen": args.screen,
        "options": settings,
    });
    let suspended = RunFolder::suspended(&args.out);
    if suspended.is_none() && args.resume {
        return Err(refuse("resume", args.out.display(), "the folder of a search that was interrupted"));
    }
    let folder = RunFolder::create(&args.out, args.running.force)?;
    let journal = folder.beside()?.join(FITS);
    let (lines, kept) = Lines::open::<SearchFit>(journal, &identity, args.resume, args.running.force)?;
    let mut fits = Journal { lines, kept: kept.into_iter(), done: 0 };
    let pool = pool(args.running.threads)?;
    let stop = Stopped(interrupt::watch()?);

    let stepwise = |candidates| Stepwise { subjects, candidates, levels, options: settings, watch: &stop };
    let first = match pool.install(|| stepwise(&declared).first(&first, &mut fits)) {
        Err(CliError::Population(error)) if *error == PopulationError::Interrupted => {
            return Ok(fits.interrupted(quiet));
        }
        Err(error) => {
            // Without the first fit there is nothing to resume.
            folder.forget_suspended()?;
            return Err(error);
        }
        Ok(first) => first,
    };
    let screening = pool.install(|| screening(&first, subjects, &declared, args.screen, &stop))?;
    let Some(screening) = screening else { return Ok(fits.interrupted(quiet)) };
    if !quiet {
        print::text(&words_of_screening(&declared, &screening));
    }
    let left: Vec<Candidate> =
        declared.iter().zip(&screening).filter(|(_, s)| s.searched).map(|(c, _)| c.clone()).collect();
    let mut tell = |verdicts: &[Verdict]| {
        if !quiet {
            print::text(&words(&left, verdicts));
        }
    };
    let before = first.ofv;
    let found = match pool.install(|| stepwise(&left).search(first, &mut fits, &mut tell)) {
        Err(CliError::Population(error)) if *error == PopulationError::Interrupted => {
            return Ok(fits.interrupted(quiet));
        }
        found => found?,
    };
    write_both(&folder, &screening_table(&declared, &screening)?)?;
    write_both(&folder, &search_table(&left, &found.verdicts)?)?;
    let header =
        "# The model that a search for effects of covariates ended with; its values were estimated here.\n";
    let mut ended = found.model.clone();
    let how = "FOCE, in a search for effects of covariates";
    Origin { model: &given, data: &trial.source, how }.mark(&mut ended);
    let text = format!("{header}\n{}", toml::to_string_pretty(&ended)?);
    folder.write("model.toml", |f| Ok::<_, CliError>(f.write_all(text.as_bytes())?))?;
    let included: Vec<String> = found.included.iter().map(|&k| name(&left[k])).collect();
    let record = Program::before(serde_json::json!({
        "searched": { "data": RecordedPath::from(trial.source.path.as_path()), "data_sha256": trial.source.sha256, "model": &given },
        "simulated": trial.simulated,
        "levels": levels,
        "screen": args.screen,
        "fits": found.verdicts.len(),
        "failed_fits": found.verdicts.iter().filter(|v| !v.fit.converged).count(),
        "included": included,
        "ofv": found.ofv,
        "ofv_without_candidates": before,
        "seconds": started.elapsed().as_secs_f64(),
    }))?;
    write_record(&folder, &record)?;
    folder.commit()?;
    if !quiet {
        let list = if included.is_empty() { "none".to_owned() } else { included.join(", ") };
        print::text(&format!(
            "effects in the final model: {list}; objective {:.4} from {:.4}\nin {}: model.toml, search.csv, screening.csv\n",
            found.ofv,
            before.unwrap_or(f64::NAN),
            args.out.display()
        ));
    }
    let all_converged = found.verdicts.iter().all(|verdict| verdict.fit.converged);
    Ok(if all_converged { Outcome::Done } else { Outcome::SomeFailed })
}

/// Fits of a search; those of an earlier session come first.
struct Journal {
    lines: Lines,
    kept: std::vec::IntoIter<SearchFit>,
    done: usize,
}

impl Fits<CliError> for Journal {
    fn recall(&mut self) -> Option<SearchFit> {
        self.done += 1;
        self.kept.next()
    }

    fn keep(&mut self, fit: &SearchFit) -> Result<(), CliError> {
        self.lines.add(fit)
    }
}

impl Journal {
    fn interrupted(&self, quiet: bool) -> Outcome {
        // The last fit was started but not completed.
        print::left_off("fits", self.done.saturating_sub(1), self.lines.path(), quiet);
        Outcome::Interrupted
    }
}

/// Relation between η̂ and the covariate of a candidate.
struct Screened {
    slope: f64,
    p_value: f64,
    searched: bool,
}

/// Screening of the candidates by η̂ of the first model; `None` if it was interrupted.
fn screening(
    first: &SearchFit,
    subjects: &[Subject],
    declared: &[Candidate],
    level: Option<f64>,
    stop: &Stopped,
) -> Result<Option<Vec<Screened>>, CliError> {
    let Some(file) = first.model.clone() else { return Ok(None) };
    let place = "the model without candidates".to_owned();
    let model = PopulationModel::new(file).map_err(|source| CliError::Model { place, source })?;
    let options =
        PopulationOptions { covariance: false, ..population::options(PopulationMethod::Foce, None) };
    let fit = match evaluate_population(&model, subjects, options, stop) {
        Err(PopulationError::Interrupted) => return Ok(None),
        fit => fit?,
    };
    let etas: Vec<Vec<f64>> = fit.subjects.iter().map(|part| part.eta.clone()).collect();
    let one = |candidate: &Candidate| {
        let found = screened(candidate, &model, subjects, &etas);
        let (slope, p_value) = found.unwrap_or((f64::NAN, f64::NAN));
        // A candidate that cannot be screened is searched.
        Screened { slope, p_value, searched: level.is_none_or(|level| !(p_value > level)) }
    };
    Ok(Some(declared.iter().map(one).collect()))
}

/// Short name of a candidate.
fn name(candidate: &Candidate) -> String {
    format!("{}~{} ({})", candidate.parameter, candidate.covariate, candidate.form.name())
}

fn words_of_screening(declared: &[Candidate], screening: &[Screened]) -> String {
    let mut text = "screening of η̂:\n".to_owned();
    for (candidate, found) in declared.iter().zip(screening) {
        let left_out = if found.searched { "" } else { "   left out" };
        let p = if found.p_value.is_nan() { "no η".to_owned() } else { format!("p {:.2e}", found.p_value) };
        text += &format!("  {:<32} {p}{left_out}\n", name(candidate));
    }
    text
}

fn words(candidates: &[Candidate], verdicts: &[Verdict]) -> String {
    let Some(first) = verdicts.first() else { return String::new() };
    let mut text = match (first.fit.step, first.fit.backward) {
        (0, _) => {
            let ofv = first.fit.ofv.unwrap_or(f64::NAN);
            return format!("without candidates: objective {ofv:.4}, {}\n", first.fit.reason);
        }
        (step, false) => format!("step {step}, forward:\n"),
        (step, true) => format!("step {step}, backward:\n"),
    };
    for verdict in verdicts {
        let named = verdict.fit.candidate.map_or(String::new(), |k| name(&candidates[k]));
        let what = match (verdict.chosen, verdict.fit.backward, verdict.fit.converged) {
            (true, false, _) => "   added",
            (true, true, _) => "   removed",
            (false, _, true) => "",
            (false, _, false) => "   not converged: out of consideration",
        };
        text += &format!("  {named:<32} ΔOFV {:>9.3}   p {:.2e}{what}\n", -verdict.decrease, verdict.p_value);
    }
    text
}

fn screening_table(declared: &[Candidate], found: &[Screened]) -> Result<Table, CliError> {
    let text = |name: &str, of: &dyn Fn(&Candidate) -> String| {
        Column::new(name, Values::text(declared.iter().map(of)))
    };
    let columns = vec![
        text("parameter", &|c| c.parameter.clone()),
        text("covariate", &|c| c.covariate.clone()),
        text("form", &|c| c.form.name().into()),
        Column::new("slope", Values::Float(found.iter().map(|s| s.slope).collect())),
        Column::new("p_value", Values::Float(found.iter().map(|s| s.p_value).collect())),
        Column::new("searched", Values::Integer(found.iter().map(|s| Some(i64::from(s.searched))).collect())),
    ];
    Ok(Table::new("screening", columns)?)
}

fn search_table(candidates: &[Candidate], verdicts: &[Verdict]) -> Result<Table, CliError> {
    let text = |name: &str, of: &dyn Fn(&Verdict) -> String| {
        Column::new(name, Values::text(verdicts.iter().map(of)))
    };
    let number = |name: &str, of: &dyn Fn(&Verdict) -> f64| {
        Column::new(name, Values::Float(verdicts.iter().map(of).collect()))
    };
    let integer = |name: &str, of: &dyn Fn(&Verdict) -> Option<i64>| {
        Column::new(name, Values::Integer(verdicts.iter().map(of).collect()))
    };
    let of = |v: &Verdict| v.fit.candidate.map(|k| &candidates[k]);
    let columns = vec![
        integer("step", &|v| Some(i64::from(v.fit.step))),
        text("direction", &|v| match (v.fit.candidate, v.fit.backward) {
            (None, _) => "start".into(),
            (_, false) => "forward".into(),
            (_, true) => "backward".into(),
        }),
        text("parameter", &|v| of(v).map_or(String::new(), |c| c.parameter.clone())),
        text("covariate", &|v| of(v).map_or(String::new(), |c| c.covariate.clone())),
        text("form", &|v| of(v).map_or(String::new(), |c| c.form.name().into())),
        number("ofv", &|v| v.fit.ofv.unwrap_or(f64::NAN)),
        number("decrease", &|v| v.decrease),
        integer("freedom", &|v| of(v).map(|c| c.freedom as i64)),
        number("p_value", &|v| v.p_value),
        integer("chosen", &|v| Some(i64::from(v.chosen))),
        text("status", &|v| match (v.fit.ofv, v.fit.converged) {
            (None, _) => "failed".into(),
            (Some(_), false) => "not_converged".into(),
            (Some(_), true) => "ok".into(),
        }),
        text("reason", &|v| v.fit.reason.clone()),
    ];
    Ok(Table::new("search", columns)?)
}
