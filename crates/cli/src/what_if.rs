//! `omafit what-if`: the patients of a run under alternative doses.

use crate::Outcome;
use crate::dose_curve::dose_curve;
use crate::error::{CliError, refuse};
use crate::forms::{FormArgs, take_out};
use crate::options::{BandArgs, DataOfRunArgs, Running};
use crate::population_directions::{PopulationDirection, parameters_along, population_directions};
use crate::print;
use crate::progress_bar::progress_bar;
use crate::provenance::command;
use crate::reconstruct::{Run, days};
use crate::report::{drawn, record};
use crate::shown::Shown;
use crate::threads::pool;
use crate::views::renew_report;
use crate::what_if_outcomes::{self, Outcomes, Replay};
use crate::what_if_summary::{Over, Summary};
use crate::what_if_words;
use crate::write::write_into;
use clap::Args;
use omafit_estimate::{
    FitOptions, IndividualFit, OutputCourse, Prior, ReconstructionOptions, Status, Trajectory, fit_at,
    free_ige_course, reconstruct,
};
use omafit_model::{Analyte, Dose, Subject};
use omafit_outcome::{Alternative, DoseRule, Held, Replayed, held};
use omafit_report::panels::{Ink, Layer, Panel, Panels, Shape};
use omafit_trial::{Column, Table, Values, write_whole};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// What else might have been given.
#[derive(Args, Debug)]
pub struct WhatIfArgs {
    /// Folder of the run, which gets the tables
    pub run: PathBuf,
    /// Factors on the doses, separated by commas: each is an alternative of its own
    #[arg(long, value_name = "FACTORS", value_delimiter = ',')]
    pub scale_dose: Vec<f64>,
    /// Doses this far apart, each dose what it was: 4w, 28d
    #[arg(long, value_name = "TIME")]
    pub every: Option<String>,
    /// No dose later than so many weeks after the first
    #[arg(long, value_name = "WEEK")]
    pub stop_after: Option<f64>,
    /// Doses by a dosing table, or by mg/kg per IU/mL in four weeks, such as 0.016 or 0.016/2w
    #[arg(long, value_name = "TABLE|RULE")]
    pub switch: Option<String>,
    /// Only doses from so many weeks after the first on
    #[arg(long, default_value_t = 0.0, value_name = "WEEK")]
    pub from: f64,
    /// Spacing of the time courses: a number with d, h or w
    #[arg(long, default_value = "1d", value_name = "TIME")]
    pub grid: String,
    #[command(flatten)]
    pub bands: BandArgs,
    #[command(flatten)]
    pub forms: FormArgs,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    #[command(flatten)]
    pub running: Running,
}

/// Alternative doses for a patient, and their effect.
struct Other {
    replayed: Replayed,
    course: Trajectory,
    /// Free IgE relative to each target, as given.
    as_given: Vec<Held>,
    otherwise: Vec<Held>,
}

/// A patient under its own doses and under each alternative; the errors are the reasons for missing results.
struct Patient {
    fit: Option<IndividualFit>,
    /// Parameters of the patient up and down each direction in which the population is uncertain.
    along_population: Vec<[Vec<f64>; 2]>,
    as_given: Result<Trajectory, String>,
    others: Vec<Result<Other, String>>,
}

/// Targets of free IgE that are reported in addition to the requested one, ng/mL: the target for all patients,
/// the target for their mean, and the target of Lowe 2009 (doi 10.1111/j.1365-2125.2009.03401.x).
const TARGETS: [f64; 3] = [50.0, 25.0, 14.0];

/// The requested target, followed by the additional ones.
fn targets(asked: f64) -> Vec<f64> {
    std::iter::once(asked).chain(TARGETS.into_iter().filter(|target| *target != asked)).collect()
}

/// Replays the patients under alternative doses, and writes the tables and figures into the run folder.
pub fn what_if(args: &WhatIfArgs) -> Result<Outcome, CliError> {
    let alternatives = alternatives(args)?;
    let every = days("grid", &args.grid)?;
    let run = Run::load(&args.run, args.located.data.as_deref())?;
    if run.model.structure().free_target().is_none() {
        return Err(refuse("run", args.run.display(), "a run of a model that predicts free IgE"));
    }
    let wanted = run.wanted(&args.bands, every, f64::NEG_INFINITY)?;
    let record = args.run.join("what_if.json");
    if record.exists() && !args.running.force {
        let expected = "a run without a what-if; --force replaces it";
        return Err(refuse("run", args.run.display(), expected));
    }
    let prior = run.prior()?;
    let population = population_directions(&args.run, &run.model)?;
    let pool = pool(args.running.threads)?;
    let held = 1 + alternatives.len();
    run.check_memory(("grid", &args.grid), &wanted, held, pool.current_num_threads())?;
    let subjects = &run.trial.subjects;
    let progress = progress_bar("replaying", subjects.len() as u64, args.running.quiet);
    let one = |(position, subject): (usize, &Subject)| {
        let uncertain = (prior.as_ref(), population.as_slice());
        let patient = replay(&run, uncertain, &wanted, &alternatives, position as u64, subject);
        progress.inc(1);
        patient
    };
    let patients: Vec<Patient> =
        pool.install(|| subjects.par_iter().enumerate().with_max_len(1).map(one).collect());
    progress.finish_and_clear();
    let found: Vec<Summary> = alternatives
        .iter()
        .enumerate()
        .map(|(k, other)| summarise(other, k, &patients, wanted.target_ng_ml))
        .collect();
    let (whole, courses) =
        (table(subjects, &alternatives, &patients)?, courses(subjects, &alternatives, &patients)?);
    let names: Vec<String> = alternatives.iter().map(|(name, _)| name.clone()).collect();
    let outcomes = Outcomes::load(&args.run)?;
    let (expected, of_patients) = match &outcomes {
        Some(outcomes) => {
            let replayed = replayed(subjects, &patients);
            pool.install(|| outcomes.expect(&run, &replayed))
        }
        None => (Vec::new(), Vec::new()),
    };
    let figure =
        drawn("what_if", figure(&alternatives, &patients, wanted.target_ng_ml), run.record.simulated)?;
    let bytes = |fill: &dyn Fn(&mut Vec<u8>) -> Result<(), CliError>| {
        let mut out = Vec::new();
        fill(&mut out).map(|()| out)
    };
    let put = |name: &str, content: &[u8]| write_whole(&args.run.join(name), content, args.running.force);
    write_into(&args.run, &whole, args.running.force)?;
    put("what_if_trajectories.parquet", &bytes(&|out| Ok(courses.write_parquet(out)?))?)?;
    write_into(&args.run, &targets_table(&found)?, args.running.force)?;
    let of_groups = what_if_outcomes::table("what_if_outcomes", &expected, &names)?;
    let of_patients = what_if_outcomes::table("what_if_outcome_patients", &of_patients, &names)?;
    for table in [&of_groups, &of_patients] {
        if table.rows() > 0 {
            write_into(&args.run, table, args.running.force)?;
        } else if args.running.force {
            take_out(&args.run, table.name())?;
        }
    }
    let simulated = run.record.simulated || (!expected.is_empty() && has_simulated_outcomes(&args.run)?);
    let notes = args.forms.write(&args.run, &run.model, simulated, &Shown::OF_WHAT_IF)?;
    std::fs::create_dir_all(args.run.join("figures/data"))?;
    put("figures/what_if.svg", figure.svg.as_bytes())?;
    put("figures/data/what_if.csv", &bytes(&|out| Ok(figure.data.write_csv(out)?))?)?;
    let factors: Vec<f64> = alternatives.iter().map(|(_, alternative)| alternative.scale).collect();
    if let Some(curve) = dose_curve(&expected, &factors) {
        let curve = drawn("what_if_outcomes", curve, simulated)?;
        put("figures/what_if_outcomes.svg", curve.svg.as_bytes())?;
        put("figures/data/what_if_outcomes.csv", &bytes(&|out| Ok(curve.data.write_csv(out)?))?)?;
    }
    let failed = patients.iter().filter(|p| p.as_given.is_err()).count();
    let written = serde_json::json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": command(),
        "alternatives": alternatives.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "factors": factors,
        "target_ng_ml": wanted.target_ng_ml,
        "level": wanted.level,
        "every_days": every,
        "bands": wanted.bands,
        "counts": { "subjects": subjects.len(), "failed": failed },
        "notes": notes,
        "not_medical_advice": true,
    });
    // The record is written last, when the tables that it describes exist.
    put("what_if.json", &serde_json::to_vec_pretty(&written)?)?;
    renew_report(&args.run)?;
    if !args.running.quiet {
        what_if_words::print(&args.run, &found, &expected, !population.is_empty(), simulated);
        notes.iter().for_each(|note| print::text(&format!("note: {note}\n")));
    }
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

/// Whether the outcomes of a run are simulated.
fn has_simulated_outcomes(run: &Path) -> Result<bool, CliError> {
    let path = run.join("outcome.json");
    Ok(path.is_file() && record(&path)?["simulated"] == true)
}

/// Alternatives requested by the arguments: a single one, or one for each factor.
fn alternatives(args: &WhatIfArgs) -> Result<Vec<(String, Alternative)>, CliError> {
    let weeks = |option: &'static str, value: f64| {
        let is_week = value.is_finite() && value >= 0.0;
        if is_week { Ok(7.0 * value) } else { Err(refuse(option, value, "a week, at least 0")) }
    };
    let switch = args.switch.as_deref().map(DoseRule::parse).transpose()?;
    let every_days = args.every.as_deref().map(|every| days("every", every)).transpose()?;
    let stop_after_days = args.stop_after.map(|week| weeks("stop-after", week)).transpose()?;
    let from_days = weeks("from", args.from)?;
    for &factor in &args.scale_dose {
        if !(factor.is_finite() && factor >= 0.0) {
            return Err(refuse("scale-dose", factor, "a factor, at least 0"));
        }
    }
    let nothing = switch.is_none() && every_days.is_none() && stop_after_days.is_none();
    if nothing && args.scale_dose.is_empty() {
        return Err(refuse("what-if", "", "given with --scale-dose, --every, --stop-after or --switch"));
    }
    let name = |scale: f64| {
        let mut parts = Vec::new();
        parts.extend(switch.as_ref().map(|rule| format!("by {rule}")));
        parts.extend(args.every.as_ref().map(|every| format!("every {every}")));
        if scale != 1.0 || nothing {
            parts.push(format!("dose × {scale}"));
        }
        if args.from > 0.0 {
            parts.push(format!("from week {}", args.from));
        }
        parts.extend(args.stop_after.map(|week| format!("stopped after week {week}")));
        parts.join(", ")
    };
    let one = |scale: f64| {
        let switch = switch.clone();
        (name(scale), Alternative { from_days, switch, every_days, scale, stop_after_days })
    };
    let mut factors = args.scale_dose.clone();
    factors.sort_by(f64::total_cmp);
    factors.dedup();
    Ok(if factors.is_empty() { vec![one(1.0)] } else { factors.into_iter().map(one).collect() })
}

fn replay(
    run: &Run,
    (prior, population): (Option<&Prior>, &[PopulationDirection]),
    wanted: &ReconstructionOptions,
    alternatives: &[(String, Alternative)],
    position: u64,
    subject: &Subject,
) -> Patient {
    let options: &FitOptions = &run.options;
    let known = run.estimates.get(&subject.id).filter(|known| known.status != Status::Failed.name());
    let Some(known) = known else {
        let reason = "the fit failed".to_owned();
        let others = alternatives.iter().map(|_| Err(reason.clone())).collect();
        return Patient { fit: None, along_population: Vec::new(), others, as_given: Err(reason) };
    };
    let fit = fit_at(&run.model, subject, prior, options, &run.errors(Some(known)), &known.eta);
    let along = parameters_along(run, prior, population, subject, &fit);
    let course = |subject: &Subject| {
        let along = along.as_ref().ok_or("the population's uncertainty cannot be carried to the patient")?;
        let done = reconstruct(&run.model, subject, position, options, &fit, wanted);
        let mut course = done.map_err(|why| why.to_string())?.trajectory;
        course.widen(&run.model, subject, along, wanted).map_err(|why| why.to_string())?;
        Ok(course)
    };
    let as_given = course(subject);
    let other = |(_, alternative): &(String, Alternative)| {
        let own = as_given.as_ref().map_err(Clone::clone)?;
        let replayed = alternative.replay(subject).map_err(|why| why.to_string())?;
        let course = course(&replayed.subject)?;
        let held = |course| -> Vec<Held> {
            let at = |target: f64| held(course, replayed.window, target, wanted.level);
            targets(wanted.target_ng_ml).into_iter().map(at).collect()
        };
        let (given, otherwise) = (held(own), held(&course));
        Ok(Other { as_given: given, otherwise, course, replayed })
    };
    let others = alternatives.iter().map(other).collect();
    Patient { fit: Some(fit), along_population: along.unwrap_or_default(), others, as_given }
}

fn summarise(
    (name, alternative): &(String, Alternative),
    k: usize,
    patients: &[Patient],
    target_ng_ml: f64,
) -> Summary {
    let others: Vec<&Other> = patients.iter().filter_map(|p| p.others[k].as_ref().ok()).collect();
    let left_out: Vec<&String> = patients.iter().filter_map(|p| p.others[k].as_ref().err()).collect();
    let median = |of: &dyn Fn(&Other) -> Option<f64>| {
        omafit_estimate::quantile(others.iter().filter_map(|o| of(o)).collect(), 0.5)
    };
    let count = |of: &dyn Fn(&Other) -> bool| others.iter().filter(|o| of(o)).count();
    let over = |(t, target): (usize, f64)| {
        let weeks = |o: &Other| (o.otherwise[t].first_over - o.replayed.first_day) / 7.0;
        Over {
            target,
            over: [count(&|o| is_over(&o.as_given[t])), count(&|o| is_over(&o.otherwise[t]))],
            rise: count(&|o| rises(o, t)),
            expected: [
                others.iter().map(|o| o.as_given[t].over).sum(),
                others.iter().map(|o| o.otherwise[t].over).sum(),
            ],
            weeks_to_rise: median(&|o| rises(o, t).then(|| weeks(o))),
            days_over: median(&|o| rises(o, t).then_some(o.otherwise[t].days_over)),
        }
    };
    let unverified = match alternative.switch {
        Some(DoseRule::Table(_)) => Some(count(&|o| o.replayed.verified == Some(false))),
        _ => None,
    };
    Summary {
        name: name.clone(),
        patients: others.len(),
        unverified,
        left_out: (left_out.len(), left_out.first().map(|why| (*why).clone())),
        over: targets(target_ng_ml).into_iter().enumerate().map(over).collect(),
        peak: [median(&|o| Some(o.as_given[0].peak)), median(&|o| Some(o.otherwise[0].peak))],
    }
}

/// Patients with the alternatives that apply to them.
fn replayed<'a>(subjects: &'a [Subject], patients: &'a [Patient]) -> Vec<what_if_outcomes::Replayed<'a>> {
    let of = |(subject, patient): (&'a Subject, &'a Patient)| {
        let [first_day, end] = patient.others.iter().flatten().next().map(|other| {
            let Replayed { first_day, window, .. } = other.replayed;
            [first_day, window[1] - first_day]
        })?;
        let given = || subject.doses.iter().filter(|dose| dose.amount_mg > 0.0);
        let other = |other: &'a Result<Other, String>| {
            let other = other.as_ref().ok()?;
            let otherwise = &other.replayed.subject;
            // Doses are in the order of time.
            let is_same = |(a, b): &(&Dose, &Dose)| a.time == b.time && a.amount_mg == b.amount_mg;
            let both = given().zip(otherwise.doses.iter().filter(|dose| dose.amount_mg > 0.0));
            let same = both.take_while(is_same).last().map(|(dose, _)| dose.time);
            let is_after = |dose: &Dose| dose.amount_mg > 0.0 && same.is_none_or(|same| dose.time > same);
            Some(Replay {
                otherwise,
                last_same: same.map(|day| day - first_day),
                until: if otherwise.doses.iter().any(is_after) { end } else { f64::INFINITY },
                rises: rises(other, 0),
            })
        };
        Some(what_if_outcomes::Replayed {
            subject,
            fit: patient.fit.as_ref()?,
            along_population: &patient.along_population,
            first_day,
            last_dose: given().next_back().map(|dose| dose.time - first_day),
            end,
            others: patient.others.iter().map(other).collect(),
        })
    };
    subjects.iter().zip(patients).filter_map(of).collect()
}

/// Table of the patients over each target, one row per alternative and target.
fn targets_table(found: &[Summary]) -> Result<Table, CliError> {
    let rows: Vec<(&Summary, &Over)> =
        found.iter().flat_map(|summary| summary.over.iter().map(move |over| (summary, over))).collect();
    let number = |name: &str, of: &dyn Fn(&Over) -> f64| {
        Column::new(name, Values::Float(rows.iter().map(|row| of(row.1)).collect()))
    };
    let count = |name: &str, of: &dyn Fn(&(&Summary, &Over)) -> usize| {
        Column::new(name, Values::Integer(rows.iter().map(|row| Some(of(row) as i64)).collect()))
    };
    let columns = vec![
        Column::new("alternative", Values::text(rows.iter().map(|row| row.0.name.clone()))),
        number("target_ng_ml", &|o| o.target),
        count("patients", &|row| row.0.patients),
        count("over_given", &|row| row.1.over[0]),
        count("over", &|row| row.1.over[1]),
        number("expected_over_given", &|o| o.expected[0]),
        number("expected_over", &|o| o.expected[1]),
        count("rise", &|row| row.1.rise),
        number("weeks_to_rise", &|o| o.weeks_to_rise),
        number("days_over", &|o| o.days_over),
    ];
    Ok(Table::new("what_if_targets", columns)?)
}

fn is_over(held: &Held) -> bool {
    held.days_over > 0.0
}

/// Whether a patient rises over the target at a position.
fn rises(other: &Other, target: usize) -> bool {
    is_over(&other.otherwise[target]) && !is_over(&other.as_given[target])
}

/// Result of a patient under an alternative.
struct Row<'a> {
    subject: &'a Subject,
    name: &'a str,
    other: Result<&'a Other, &'a String>,
}

/// Table of the results, one row per patient and alternative.
fn table(
    subjects: &[Subject],
    alternatives: &[(String, Alternative)],
    patients: &[Patient],
) -> Result<Table, CliError> {
    let rows: Vec<Row<'_>> = subjects
        .iter()
        .zip(patients)
        .flat_map(|(subject, patient)| {
            let all = alternatives.iter().zip(&patient.others);
            all.map(move |((name, _), other)| Row { subject, name, other: other.as_ref() })
        })
        .collect();
    let text =
        |name: &str, of: &dyn Fn(&Row<'_>) -> String| Column::new(name, Values::text(rows.iter().map(of)));
    let number = |name: &str, of: &dyn Fn(&Other) -> f64| {
        let value = |row: &Row<'_>| row.other.map_or(f64::NAN, of);
        Column::new(name, Values::Float(rows.iter().map(value).collect()))
    };
    let covariate = |name: &str| {
        let value = |row: &Row<'_>| row.subject.covariates.get(name).unwrap_or(f64::NAN);
        Column::new(name, Values::Float(rows.iter().map(value).collect()))
    };
    let since = |day: f64, o: &Other| day - o.replayed.first_day;
    let rise = rows.iter().map(|row| row.other.ok().map(|other| i64::from(rises(other, 0))));
    let verified = rows.iter().map(|row| row.other.ok()?.replayed.verified.map(i64::from));
    let columns = vec![
        text("ID", &|row| row.subject.id.clone()),
        text("alternative", &|row| row.name.to_owned()),
        text("status", &|row| if row.other.is_ok() { "ok" } else { "left_out" }.to_owned()),
        text("reason", &|row| row.other.err().cloned().unwrap_or_default()),
        covariate("WT"),
        covariate("IGE"),
        number("four_weeks_mg_given", &|o| o.replayed.four_weeks_mg[0]),
        number("four_weeks_mg", &|o| o.replayed.four_weeks_mg[1]),
        Column::new("verified", Values::Integer(verified.collect())),
        number("from_day", &|o| since(o.replayed.window[0], o)),
        number("to_day", &|o| since(o.replayed.window[1], o)),
        number("peak_given", &|o| o.as_given[0].peak),
        number("peak", &|o| o.otherwise[0].peak),
        number("peak_lower", &|o| o.otherwise[0].peak_band[0]),
        number("peak_upper", &|o| o.otherwise[0].peak_band[1]),
        number("peak_ratio", &|o| o.otherwise[0].peak / o.as_given[0].peak),
        number("probability_over_given", &|o| o.as_given[0].over),
        number("probability_over", &|o| o.otherwise[0].over),
        Column::new("rises", Values::Integer(rise.collect())),
        number("day_over", &|o| since(o.otherwise[0].first_over, o)),
        number("day_over_early", &|o| since(o.otherwise[0].first_over_band[0], o)),
        number("day_over_late", &|o| since(o.otherwise[0].first_over_band[1], o)),
        number("days_over_given", &|o| o.as_given[0].days_over),
        number("days_over", &|o| o.otherwise[0].days_over),
    ];
    Ok(Table::new("what_if", columns)?)
}

/// Table of the time courses, one row per patient, alternative and time; the doses as given are the alternative
/// `as given`.
fn courses(
    subjects: &[Subject],
    alternatives: &[(String, Alternative)],
    patients: &[Patient],
) -> Result<Table, CliError> {
    let mut all: Vec<(&str, &str, &Trajectory)> = Vec::new();
    for (subject, patient) in subjects.iter().zip(patients) {
        all.extend(patient.as_given.iter().map(|course| (subject.id.as_str(), AS_GIVEN, course)));
        let others = alternatives.iter().zip(&patient.others);
        let others = others.filter_map(|((name, _), o)| Some((name.as_str(), o.as_ref().ok()?)));
        all.extend(others.map(|(name, o)| (subject.id.as_str(), name, &o.course)));
    }
    let text = |name: &str, of: &dyn Fn(&(&str, &str, &Trajectory)) -> String| {
        let values = all.iter().flat_map(|row| vec![of(row); row.2.time.len()]);
        Column::new(name, Values::text(values))
    };
    let number = |name: &str, of: &dyn Fn(&Trajectory) -> Vec<f64>| {
        Column::new(name, Values::Float(all.iter().flat_map(|row| of(row.2)).collect()))
    };
    type Part = fn(&OutputCourse) -> &Vec<f64>;
    let of = |analyte: Analyte, part: Part| {
        move |c: &Trajectory| {
            c.of(analyte).map_or_else(|| vec![f64::NAN; c.time.len()], |course| part(course).clone())
        }
    };
    let columns = vec![
        text("ID", &|row| row.0.to_owned()),
        text("alternative", &|row| row.1.to_owned()),
        number("TIME", &|c| c.time.clone()),
        number("ige_free", &of(Analyte::IGE_FREE, |course| &course.value)),
        number("ige_free_lower", &of(Analyte::IGE_FREE, |course| &course.lower)),
        number("ige_free_upper", &of(Analyte::IGE_FREE, |course| &course.upper)),
        number("omalizumab_total", &of(Analyte::OMALIZUMAB_TOTAL, |course| &course.value)),
        number("ige_total", &of(Analyte::IGE_TOTAL, |course| &course.value)),
        number("dose", &|c| c.dose_mg.clone()),
    ];
    Ok(Table::new("what_if_trajectories", columns)?)
}

/// Name of the doses as given among the alternatives.
const AS_GIVEN: &str = "as given";

/// Figure of free IgE over time and of the fraction of patients over the target, for each alternative.
fn figure(alternatives: &[(String, Alternative)], patients: &[Patient], target: f64) -> Panels {
    let weeks = |time: &[f64], values: &[f64]| -> Vec<(f64, f64)> {
        time.iter().zip(values).map(|(day, value)| (day / 7.0, *value)).collect()
    };
    let x = ("Time (weeks)".to_owned(), false);
    let panels = alternatives.iter().enumerate().flat_map(|(k, (name, _))| {
        let both = |p: &'_ Patient| p.as_given.is_ok() && p.others[k].is_ok();
        let seen: Vec<&Patient> = patients.iter().filter(|p| both(p)).collect();
        let given: Vec<&Trajectory> = seen.iter().filter_map(|p| p.as_given.as_ref().ok()).collect();
        let other: Vec<&Trajectory> =
            seen.iter().filter_map(|p| p.others[k].as_ref().ok()).map(|o| &o.course).collect();
        let quantiles = [&given, &other].map(|courses| free_ige_course(courses.iter().copied()));
        let [a, b] = &quantiles;
        let band = (0..b.time.len()).map(|i| (b.time[i] / 7.0, b.percentiles[0][i], b.percentiles[4][i]));
        let over = |courses: &[&Trajectory], time: &[f64]| {
            let share = |i: usize| {
                let of = |c: &&Trajectory| c.free_target()?.value.get(i).copied();
                let here: Vec<f64> = courses.iter().filter_map(of).collect();
                100.0 * here.iter().filter(|v| **v > target).count() as f64 / here.len() as f64
            };
            weeks(time, &(0..time.len()).map(share).collect::<Vec<_>>())
        };
        let layer = |what: &str, shape| Layer::new(what, shape);
        [
            Panel {
                title: name.clone(),
                x: x.clone(),
                y: ("Free IgE (ng/mL)".to_owned(), true),
                is_square: false,
                layers: vec![
                    layer("5–95 % of patients otherwise", Shape::Band(band.collect())),
                    layer("target", Shape::Level(target)),
                    layer("as given", Shape::Curve(weeks(&a.time, &a.percentiles[2]), Ink::Fitted)),
                    layer("otherwise", Shape::Curve(weeks(&b.time, &b.percentiles[2]), Ink::Observed)),
                ],
            },
            Panel {
                title: format!("Patients over {target} ng/mL"),
                x: x.clone(),
                y: ("Patients (%)".to_owned(), false),
                is_square: false,
                layers: vec![
                    layer("as given", Shape::Curve(over(&given, &a.time), Ink::Fitted)),
                    layer("otherwise", Shape::Curve(over(&other, &b.time), Ink::Observed)),
                ],
            },
        ]
    });
    Panels {
        title: "Free IgE under other doses".to_owned(),
        caption: "Medians, and the part of the patients over the target. Not medical advice.".to_owned(),
        panels: panels.collect(),
        columns: 2,
        is_shared: false,
        size: (420.0, 260.0),
        simulated: false,
    }
}
